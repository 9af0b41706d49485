/**
 * Several processes that compute together: libtorch's c10d with Gloo, and NCCL for tensors of a GPU where the
 * library has it. Rank 0 serves the store through which the others find each other.
 *
 * @module
 */
import { connect, createServer } from "node:net";
import { EngineError, MissingDependencyError, throwIfAborted } from "@renograde/core";
import { type DistributedNative, engineError, guarded, native } from "./native.js";
import type { ProcessPlace } from "./process-place.js";
import { type Device, Tensor, tensor } from "./tensor.js";

/** How to connect. */
export interface ProcessGroupOptions {
  readonly place: ProcessPlace;
  /** How long the others are waited for, when connecting and in every operation, ms. */
  readonly timeoutMs: number;
  /** Where the tensors to be summed are; with a GPU NCCL is used where libtorch has it. Default `"cpu"`. */
  readonly device?: Device;
  /** Stops waiting for the others. */
  readonly signal?: AbortSignal | undefined;
}

/** A sum under way. */
export interface Work {
  /** Whether it has ended, well or badly. */
  readonly done: boolean;
  /** Waits for the end. @throws EngineError when another rank was lost or did not answer in time */
  wait(): void;
}

/** c10d's backends the addon was built with: none, `gloo`, or `gloo` and `nccl`. Loads libtorch. */
export function c10dBackends(): readonly string[] {
  return native().c10dBackends();
}

function distributedNative(): DistributedNative {
  const addon = native();
  if (!("groupOpen" in addon)) {
    throw new MissingDependencyError(
      "c10d",
      "several processes need a libtorch with c10d and Gloo, this one has none; install Debian's libtorch-dev or a PyTorch wheel and run `npm run setup`, or train in one process",
    );
  }
  return addon as DistributedNative;
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const seconds = (ms: number): string => `${Math.round(ms / 100) / 10} s`;
const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Listens and stops again; null when the port is free, else the reason. libtorch would also print it. */
function tryPort(port: number): Promise<string | null> {
  return new Promise((resolve) => {
    const server = createServer();
    server.on("error", (error) => resolve(reasonOf(error)));
    server.listen(port, () => server.close(() => resolve(null)));
  });
}

/** Connects and hangs up; null when something listens there, else the reason. */
function tryAddress(host: string, port: number): Promise<string | null> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: 2000 });
    const end = (problem: string | null): void => {
      socket.destroy();
      resolve(problem);
    };
    socket.on("connect", () => end(null));
    socket.on("timeout", () => end("no answer"));
    socket.on("error", (error) => end(reasonOf(error)));
  });
}

/** Processes connected with each other. All of them call the same operations in the same order. */
export class ProcessGroup {
  readonly place: ProcessPlace;
  readonly timeoutMs: number;
  /** What sums gradients. */
  readonly backend: "gloo" | "nccl";
  readonly #native: DistributedNative;
  readonly #store: number;
  readonly #control: number;
  readonly #sums: number;

  private constructor(options: ProcessGroupOptions, addon: DistributedNative, store: number) {
    const { place, timeoutMs, device = "cpu" } = options;
    this.place = place;
    this.timeoutMs = timeoutMs;
    this.#native = addon;
    this.#store = store;
    const useNccl = device !== "cpu" && addon.c10dBackends().includes("nccl");
    this.backend = useNccl ? "nccl" : "gloo";
    const open = (name: string) =>
      this.run(() => addon.groupOpen(store, name, place.rank, place.size, timeoutMs, place.address));
    // Apart, because ranks may start sums of gradients at different points of their backward pass.
    this.#control = open("control");
    this.#sums = open(this.backend);
  }

  /**
   * Connects with the other ranks: rank 0 listens, all wait for all.
   *
   * @throws EngineError naming the rank and what to do when an address cannot be used or ranks are missing
   * @throws MissingDependencyError when the addon was built without c10d
   * @throws InterruptedError when the signal is aborted while waiting
   */
  static async connect(options: ProcessGroupOptions): Promise<ProcessGroup> {
    const addon = distributedNative();
    const { place, timeoutMs, signal } = options;
    const { rank, size, address, port } = place;
    const me = `rank ${rank} of ${size}`;
    const ends = performance.now() + timeoutMs;
    const pause = async (): Promise<boolean> => {
      throwIfAborted(signal);
      await sleep(50);
      return performance.now() < ends;
    };

    const busy = rank === 0 ? await tryPort(port) : null;
    if (busy !== null) {
      throw new EngineError(
        `${me}: cannot listen at port ${port} (${busy}); choose a free port with MASTER_PORT`,
      );
    }
    // Asked in short tries, so that signals are heard in between; libtorch would block.
    while (rank !== 0) {
      const problem = await tryAddress(address, port);
      if (problem === null) break;
      if (!(await pause())) {
        throw new EngineError(
          `${me}: rank 0 cannot be reached at ${address}:${port} within ${seconds(timeoutMs)} (${problem}); start rank 0, or correct MASTER_ADDR and MASTER_PORT`,
        );
      }
    }
    // Whole seconds are what it counts in.
    const store = guarded(() => addon.storeOpen(address, port, rank === 0, Math.max(1000, timeoutMs)));
    try {
      addon.storeSet(store, `here/${rank}`, "1");
      const others = Array.from({ length: size }, (_, i) => i);
      for (;;) {
        const missing = others.filter((other) => addon.storeGet(store, `here/${other}`) === null);
        if (missing.length === 0) break;
        if (!(await pause())) {
          throw new EngineError(
            `${me}: rank${missing.length > 1 ? "s" : ""} ${missing.join(", ")} did not come within ${seconds(timeoutMs)}; start all ${size} processes, with the same WORLD_SIZE, MASTER_ADDR and MASTER_PORT`,
          );
        }
      }
      return new ProcessGroup(options, addon, store);
    } catch (error) {
      addon.closeDistributed(store);
      if (error instanceof Error && "code" in error) throw lost(place, timeoutMs, error);
      throw error;
    }
  }

  /** Runs calls of the addon and says of their errors which rank saw them. */
  private run<R>(body: () => R): R {
    try {
      return body();
    } catch (error) {
      if (error instanceof Error && "code" in error && error.code === "LIBTORCH") {
        throw lost(this.place, this.timeoutMs, error);
      }
      if (error instanceof Error && "code" in error && error.code === "OUT_OF_MEMORY") {
        throw engineError(error.code, error.message, error);
      }
      throw error;
    }
  }

  /** NCCL knows no tensors in main memory. */
  #groupOf(value: Tensor): number {
    return value.device === "cpu" ? this.#control : this.#sums;
  }

  /** Starts the sum of a tensor over all ranks, in place; it must not be used before the end. */
  allreduce(value: Tensor): Work {
    const addon = this.#native;
    const work = this.run(() => addon.groupSum(this.#groupOf(value), value.handle));
    return {
      get done() {
        return addon.workDone(work);
      },
      wait: () => this.run(() => addon.workWait(work)),
    };
  }

  /** Sums numbers over all ranks, each in double precision and the same on every rank. */
  sum(values: readonly number[]): number[] {
    const total = tensor(Float64Array.from(values), [values.length]);
    try {
      this.run(() => this.#native.workWait(this.#native.groupSum(this.#control, total.handle)));
      return Array.from(total.toFloat64Array());
    } finally {
      total.dispose();
    }
  }

  /** Overwrites a tensor with that of rank `root`. */
  broadcast(value: Tensor, root = 0): void {
    this.run(() => this.#native.groupBroadcast(this.#groupOf(value), value.handle, root));
  }

  /** The tensors of all ranks, of one shape, by rank; in main memory unless NCCL carries them. */
  allgather(value: Tensor): Tensor[] {
    return this.run(() => this.#native.groupGather(this.#groupOf(value), value.handle)).map(
      (handle) => new Tensor(handle),
    );
  }

  /** Waits until every rank is here, for at most the timeout. */
  barrier(): void {
    this.run(() => this.#native.groupBarrier(this.#control));
  }

  /** Leaves a note for the other ranks; see {@link ProcessGroup.waitFor}. */
  post(key: string, value: string): void {
    this.run(() => this.#native.storeSet(this.#store, `note/${key}`, value));
  }

  /** The note another rank leaves under `key`. Waits without end and without blocking, unless rank 0 is lost. */
  async waitFor(key: string): Promise<string> {
    for (let pauseMs = 5; ; pauseMs = Math.min(200, pauseMs * 1.5)) {
      const value = this.run(() => this.#native.storeGet(this.#store, `note/${key}`));
      if (value !== null) return value;
      await sleep(pauseMs);
    }
  }

  /** Sums the gradients of parameters over all ranks; see {@link GradientReducer}. */
  reducer(parameters: readonly Tensor[], bucketBytes: number = 25 * 2 ** 20): GradientReducer {
    const addon = this.#native;
    const handles = parameters.map((parameter) => parameter.handle);
    const id = guarded(() => addon.reducerOpen(this.#sums, handles, bucketBytes));
    return {
      arm: () => addon.reducerArm(id),
      finish: () => {
        const [buckets = 0, overlapped = 0] = this.run(() => addon.reducerFinish(id));
        return { buckets, overlapped };
      },
      dispose: () => addon.closeDistributed(id),
    };
  }

  /** Closes the connections; the other ranks' operations fail from then on. */
  destroy(): void {
    for (const id of [this.#sums, this.#control, this.#store]) this.#native.closeDistributed(id);
  }
}

/** Sums gradients over all ranks, in buckets that travel while backward goes on. */
export interface GradientReducer {
  /** Lets the next backward start the sum of each bucket whose gradients it has finished. */
  arm(): void;
  /**
   * Starts the sums that are left, waits for all and writes them into the gradients. A gradient that only some ranks
   * have counts as zero on the others.
   *
   * @returns number of buckets, and of those whose sum started during backward
   * @throws EngineError when another rank was lost or did not answer in time
   */
  finish(): { readonly buckets: number; readonly overlapped: number };
  dispose(): void;
}

function lost({ rank, size }: ProcessPlace, timeoutMs: number, cause: Error): EngineError {
  return new EngineError(
    `rank ${rank} of ${size}: another process was lost or did not answer within ${seconds(timeoutMs)} (${cause.message}); see what it printed, then start all ${size} again`,
    { cause },
  );
}
