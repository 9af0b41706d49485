/**
 * Functions of a module of ours called in a thread of their own, so that long synchronous work leaves this thread
 * free.
 *
 * @module
 */
import { isMainThread, parentPort, type TransferListItem, Worker, workerData } from "node:worker_threads";
import { EngineError, InterruptedError } from "@renograde/core";
import { type PortableError, packError, unpackError } from "./worker-errors.js";
import { WorkerGate } from "./worker-gate.js";

/** What a worker can be asked: functions of one argument by name. */
export type WorkerCalls<Calls> = { readonly [Name in keyof Calls]: (argument: never) => unknown };

/** A running worker. */
export interface WorkerHandle<Calls extends WorkerCalls<Calls>> {
  /**
   * Calls a function of the worker. Calls made before the answer to an earlier one wait in the worker's queue if it
   * computes synchronously. The process stays alive until every call is answered, and ends by itself then.
   *
   * @param argument - copied to the worker; of buffers in `transfer` the memory moves instead
   * @throws what the function threw, as the same class with message and fields
   * @throws EngineError when the worker dies, InterruptedError when it is ended by {@link WorkerHandle.terminate}
   */
  call<Name extends keyof Calls & string>(
    name: Name,
    argument: Parameters<Calls[Name]>[0],
    transfer?: readonly TransferListItem[],
  ): Promise<WorkerAnswer<Calls[Name]>>;
  /**
   * Ends the thread: at once, or where calls are `uninterruptible` after the call at work. Calls not answered yet are
   * rejected at once. May be called twice.
   */
  terminate(): Promise<void>;
}

/** What a call resolves to: the function's result without {@link Transferred}. */
export type WorkerAnswer<Call extends (argument: never) => unknown> =
  Awaited<ReturnType<Call>> extends Transferred<infer Result> ? Result : Awaited<ReturnType<Call>>;

/** A result whose buffers move to the caller instead of being copied; made by {@link transferred}. */
export class Transferred<Result> {
  readonly result: Result;
  readonly buffers: readonly TransferListItem[];

  constructor(result: Result, buffers: readonly TransferListItem[]) {
    this.result = result;
    this.buffers = buffers;
  }
}

/** Wraps the result of a worker's function: `buffers` move to the caller and are empty in the worker afterwards. */
export function transferred<Result>(
  result: Result,
  buffers: readonly TransferListItem[],
): Transferred<Result> {
  return new Transferred(result, buffers);
}

interface Question<Name = PropertyKey> {
  readonly id: number;
  readonly name: Name;
  readonly argument: unknown;
}

type Reply =
  | { readonly id: number; readonly result: unknown }
  | { readonly id: number; readonly error: PortableError };

/** The last message a worker gets. */
const END = "end";

/** What a worker is started with. */
interface WorkerStart {
  readonly gate?: SharedArrayBuffer;
}

interface Waiting {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Opens the thread. It runs the built file also when this file itself runs from TypeScript, which Node 20 cannot load:
 * whoever runs sources builds them first (`npm run build`; vitest does). Loaders of TypeScript are not for it then.
 */
function openThread(module: URL, workerData: WorkerStart): Worker {
  if (!import.meta.url.endsWith(".ts")) return new Worker(module, { workerData });
  const built = new URL(module.href.replace(/\/src\/(?!.*\/src\/)/, "/dist/"));
  return new Worker(built, { workerData, execArgv: [] });
}

/** Options of {@link startWorker}. */
export interface WorkerOptions {
  /**
   * Calls run native code that blocks the thread and aborts the process when the thread is ended under it (ONNX Runtime
   * does): ending the worker or the process waits for the call at work. Default false.
   */
  readonly uninterruptible?: boolean;
}

/**
 * Starts a worker from a module that calls {@link serveCalls}:
 * `startWorker<SumCalls>(new URL("./sum-worker.js", import.meta.url), "sum").call("sum", values)`.
 *
 * @param module - its built name as in an import, `.js`, also where sources run
 * @param what - the worker in words for messages, such as `"inference"`
 */
export function startWorker<Calls extends WorkerCalls<Calls>>(
  module: URL,
  what: string,
  options: WorkerOptions = {},
): WorkerHandle<Calls> {
  const gate = options.uninterruptible ? new WorkerGate() : undefined;
  const worker = openThread(module, gate ? { gate: gate.memory } : {});
  gate?.holdAtExit();
  const waiting = new Map<number, Waiting>();
  let count = 0;
  /** Why no further call is possible. */
  let ended: Error | undefined;

  const end = (error: Error): void => {
    ended ??= error;
    for (const { reject } of waiting.values()) reject(ended);
    waiting.clear();
  };
  worker.on("message", (reply: Reply) => {
    // Of a worker that is being ended only its exit matters, which keeps the process until then.
    if (ended) return;
    const caller = waiting.get(reply.id);
    waiting.delete(reply.id);
    // One that is being ended is waited for, although answers of abandoned calls still come.
    if (waiting.size === 0 && !ended) worker.unref();
    if ("error" in reply) caller?.reject(unpackError(reply.error));
    else caller?.resolve(reply.result);
  });
  worker.on("messageerror", (cause) =>
    end(
      new EngineError(`the ${what} worker sent an answer that cannot be read (${cause.message})`, { cause }),
    ),
  );
  worker.on("error", (cause) => {
    const reason = cause instanceof Error ? cause.message : String(cause);
    end(new EngineError(`the ${what} worker failed: ${reason}`, { cause }));
  });
  const exited = new Promise<void>((resolve) => {
    worker.on("exit", (code) => {
      gate?.forgetAtExit();
      end(new EngineError(`the ${what} worker ended with status ${code} before it had answered`));
      resolve();
    });
  });
  worker.unref();

  return {
    call: (name, argument, transfer = []) =>
      new Promise((resolve, reject) => {
        if (ended) throw ended;
        const id = count++;
        const question: Question = { id, name, argument };
        worker.postMessage(question, transfer);
        waiting.set(id, { resolve: resolve as Waiting["resolve"], reject });
        worker.ref();
      }),
    async terminate() {
      end(new InterruptedError(`the ${what} worker was ended`));
      if (gate) {
        gate.close();
        worker.ref();
        worker.postMessage(END);
        await exited;
      } else await worker.terminate();
    },
  };
}

/**
 * Answers the calls of the thread that started this worker; to be called once at the end of the worker's module.
 *
 * @param calls - of one argument each; a result made by {@link transferred} moves its buffers to the caller
 * @throws EngineError when this is not a worker
 */
export function serveCalls<Calls extends WorkerCalls<Calls>>(calls: Calls): void {
  const port = parentPort;
  if (isMainThread || !port) throw new EngineError("serveCalls: expected to run in a worker thread");
  const { gate: memory } = (workerData ?? {}) as WorkerStart;
  const gate = memory && new WorkerGate(memory);
  const reply = (message: Reply, buffers: readonly TransferListItem[] = []): void => {
    port.postMessage(message, buffers);
  };
  const answer = async ({ id, name, argument }: Question<keyof Calls>): Promise<void> => {
    try {
      const value = await calls[name](argument as never);
      if (value instanceof Transferred) reply({ id, result: value.result }, value.buffers);
      else reply({ id, result: value });
    } catch (error) {
      reply({ id, error: packError(error) });
    }
  };
  const atWork = new Set<Promise<void>>();
  const pass = async (question: Question<keyof Calls>): Promise<void> => {
    if (gate?.enter() ?? true) await answer(question);
    gate?.leave();
  };
  port.on("message", (message: Question<keyof Calls> | typeof END) => {
    if (message === END) {
      void Promise.all(atWork).then(() => process.exit());
      return;
    }
    const work = pass(message).finally(() => atWork.delete(work));
    atWork.add(work);
  });
}
