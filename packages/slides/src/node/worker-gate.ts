/**
 * Keeps a thread from being ended inside a call. Native code that finds its thread ended under it aborts the whole
 * process, so ending a worker, and leaving the process, waits for the call at work; calls behind it are not begun.
 *
 * @module
 */

/** Positions in the shared memory. */
const CLOSED = 0;
const AT_WORK = 1;

/** Longest wait at exit: a call that takes longer must not keep the process for ever. */
const EXIT_WAIT_MS = 60_000;

/** Calls pass a gate on their way in and out; both threads see the same one. */
export class WorkerGate {
  private readonly state: Int32Array;

  /** @param memory - of the other thread's gate */
  constructor(memory = new SharedArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT)) {
    this.state = new Int32Array(memory);
  }

  /** To be handed to the other thread. */
  get memory(): SharedArrayBuffer {
    return this.state.buffer as SharedArrayBuffer;
  }

  /** Begins a call; false when the gate is closed. Each `enter` needs its {@link leave}. */
  enter(): boolean {
    // In this order, so that a thread that closes the gate and then sees nobody at work is right.
    Atomics.add(this.state, AT_WORK, 1);
    return Atomics.load(this.state, CLOSED) === 0;
  }

  /** Ends a call. */
  leave(): void {
    Atomics.sub(this.state, AT_WORK, 1);
    Atomics.notify(this.state, AT_WORK);
  }

  /** Lets no further call in. */
  close(): void {
    Atomics.store(this.state, CLOSED, 1);
  }

  /** Blocks this thread until nobody is at work. */
  private waitUntilEmpty(): void {
    for (let n = Atomics.load(this.state, AT_WORK); n > 0; n = Atomics.load(this.state, AT_WORK)) {
      if (Atomics.wait(this.state, AT_WORK, n, EXIT_WAIT_MS) === "timed-out") return;
    }
  }

  /** Makes the process, when it leaves in whatever way, close the gate and wait; until {@link forgetAtExit}. */
  holdAtExit(): void {
    if (held.size === 0) process.on("exit", closeHeld);
    held.add(this);
  }

  /** Undoes {@link holdAtExit}. */
  forgetAtExit(): void {
    held.delete(this);
    if (held.size === 0) process.off("exit", closeHeld);
  }

  /** Closes all gates, so that no worker begins another call while the first is waited for. */
  static closeAll(gates: Iterable<WorkerGate>): void {
    for (const gate of gates) gate.close();
    for (const gate of gates) gate.waitUntilEmpty();
  }
}

const held = new Set<WorkerGate>();
const closeHeld = (): void => WorkerGate.closeAll(held);
