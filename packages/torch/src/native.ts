/**
 * The addon's functions as TypeScript sees them, and the one place that loads it. Importing this package never
 * loads libtorch; the first tensor does.
 *
 * @module
 */
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { availableParallelism, totalmem } from "node:os";
import { fileURLToPath } from "node:url";
import { EngineError, MissingDependencyError } from "@renograde/core";

/** A native tensor; never used twice, so a released one is an error and not another tensor. */
export type Handle = bigint;

/** What an operator takes and gives at the addon's edge: tensors are {@link Handle}s. */
export type NativeValue = Handle | number | boolean | string | null | undefined | readonly NativeValue[];

/** Typed arrays libtorch has an element type for. */
export type TensorData =
  | Float32Array
  | Float64Array
  | Int32Array
  | BigInt64Array
  | Int16Array
  | Int8Array
  | Uint8Array
  | Uint8ClampedArray;

/** Memory held, in bytes, and what holds it. CPU tensors only. */
export interface MemoryStats {
  /** In use by tensors, in the whole process. */
  readonly allocated: number;
  /** Freed and kept for reuse. */
  readonly cached: number;
  /** Highest `allocated` since {@link resetPeakMemory}. */
  readonly peak: number;
  /** Bound of allocated + cached, beyond which freed memory goes back to the system. */
  readonly limit: number;
  /** Bound of allocated + cached, beyond which requests fail; infinite where there is none. */
  readonly bound: number;
  /** Native tensors this thread holds. */
  readonly handles: number;
  /** Scopes open in this thread. */
  readonly scopes: number;
}

/** The addon (native/addon.cpp). */
export interface Native {
  op(name: string, overload: string): number;
  call(
    op: number,
    args: readonly NativeValue[],
    keywords?: Readonly<Record<string, NativeValue>>,
  ): NativeValue;
  release(handle: Handle): void;
  keep(handle: Handle): void;
  beginScope(): void;
  endScope(kept: readonly Handle[]): void;
  /** To a GPU, beside the work that is queued there. */
  copyToDevice(handle: Handle, device: string): Handle;
  fromArray(
    data: TensorData,
    shape: readonly number[],
    dtype: string | undefined,
    device: string | undefined,
  ): Handle;
  read(handle: Handle, into: TensorData): void;
  write(handle: Handle, from: TensorData): void;
  shape(handle: Handle): number[];
  dtype(handle: Handle): string;
  device(handle: Handle): string;
  item(handle: Handle): number | boolean;
  requiresGrad(handle: Handle, value?: boolean): boolean;
  gradOf(handle: Handle): Handle | null;
  setGrad(handle: Handle, grad: Handle | null): void;
  backward(handle: Handle, seed: Handle | null, retainGraph: boolean): void;
  grad(
    outputs: readonly Handle[],
    inputs: readonly Handle[],
    seeds: readonly Handle[] | null,
    retainGraph: boolean,
  ): (Handle | null)[];
  gradEnabled(value?: boolean): boolean;
  threads(count?: number): number;
  manualSeed(seed: number): void;
  algorithms(deterministic: boolean, tf32: boolean): void;
  memory(): MemoryStats;
  resetPeak(): void;
  emptyCache(): void;
  setMemoryLimit(bytes: number): void;
  setMemoryBound(bytes: number | null): void;
  cudaDevices(): number;
  version(): string;
  config(): string;
  c10dBackends(): string[];
}

/** Every function of {@link Native}, for {@link missingFunctions}. */
const FUNCTIONS = {
  op: true,
  call: true,
  release: true,
  keep: true,
  beginScope: true,
  endScope: true,
  copyToDevice: true,
  fromArray: true,
  read: true,
  write: true,
  shape: true,
  dtype: true,
  device: true,
  item: true,
  requiresGrad: true,
  gradOf: true,
  setGrad: true,
  backward: true,
  grad: true,
  gradEnabled: true,
  threads: true,
  manualSeed: true,
  algorithms: true,
  memory: true,
  resetPeak: true,
  emptyCache: true,
  setMemoryLimit: true,
  setMemoryBound: true,
  cudaDevices: true,
  version: true,
  config: true,
  c10dBackends: true,
} as const satisfies Record<keyof Native, true>;

/** Functions that an addon lacks because it was compiled from older sources. */
export function missingFunctions(addon: object): string[] {
  return Object.keys(FUNCTIONS).filter((name) => !(name in addon));
}

/** What the addon has besides where it was built with c10d (native/distributed.hpp). Objects are numbers. */
export interface DistributedNative extends Native {
  storeOpen(host: string, port: number, server: boolean, timeoutMs: number): number;
  storeSet(store: number, key: string, value: string): void;
  storeGet(store: number, key: string): string | null;
  /** `nccl` opens NCCL, every other name a group of Gloo. */
  groupOpen(store: number, name: string, rank: number, size: number, timeoutMs: number, host: string): number;
  groupSum(group: number, tensor: Handle): number;
  workDone(work: number): boolean;
  workWait(work: number): void;
  groupBroadcast(group: number, tensor: Handle, root: number): void;
  groupGather(group: number, tensor: Handle): Handle[];
  groupBarrier(group: number): void;
  reducerOpen(group: number, parameters: readonly Handle[], bucketBytes: number): number;
  reducerArm(reducer: number): void;
  reducerFinish(reducer: number): number[];
  closeDistributed(object: number): void;
}

/** Path of the compiled addon; build.mjs writes it. */
export const addonFile: string = fileURLToPath(new URL("../build/renograde_torch.node", import.meta.url));

/** The script that compiles it, of the clone or of an installed package. */
const buildScript = fileURLToPath(new URL("../build.mjs", import.meta.url));

let loaded: Native | undefined;

/** Bytes this process may use: the machine's memory or the container's limit. */
function availableMemory(): number {
  const constrained = process.constrainedMemory();
  return constrained > 0 ? Math.min(constrained, totalmem()) : totalmem();
}

/**
 * The addon, loaded at the first call (about a second).
 *
 * @throws MissingDependencyError when it is not built or libtorch cannot be loaded
 */
export function native(): Native {
  if (loaded !== undefined) return loaded;
  if (!existsSync(addonFile)) {
    throw new MissingDependencyError(
      "libtorch",
      `training and torch inference need the libtorch addon, which is not built; run \`npm run setup\` in a clone, or install libtorch (apt-get install -y --no-install-recommends g++ libtorch-dev libopenblas0-pthread) and run \`node ${buildScript}\``,
    );
  }
  let addon: Native;
  try {
    addon = createRequire(import.meta.url)(addonFile) as Native;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new MissingDependencyError(
      "libtorch",
      `the libtorch addon cannot be loaded (${reason}); rebuild it with \`node ${buildScript} --force\``,
      { cause },
    );
  }
  const missing = missingFunctions(addon);
  if (missing.length > 0) {
    throw new MissingDependencyError(
      "libtorch",
      `the libtorch addon was built from older sources (it lacks ${missing.join(", ")}); run \`npm run setup\` in a clone, or \`node ${buildScript}\``,
    );
  }
  // libtorch's own default is one thread on some systems, and each worker thread has its own count.
  const wanted = Number(process.env.OMP_NUM_THREADS);
  addon.threads(Number.isInteger(wanted) && wanted > 0 ? wanted : availableParallelism());
  addon.setMemoryLimit(Math.floor(availableMemory() * 0.75));
  loaded = addon;
  return addon;
}

/** Whether the addon is built; it is not loaded. */
export function isTorchAvailable(): boolean {
  return existsSync(addonFile);
}

/** Main memory or the memory of a device was not enough for an operator. */
export class OutOfMemoryError extends EngineError {}

/** Codes of the addon's errors. */
const CODES: ReadonlySet<unknown> = new Set(["LIBTORCH", "OUT_OF_MEMORY"]);

/** How CUDA, cuBLAS, cuDNN and libtorch before 1.13 say it where the error has no type of its own. */
const OUT_OF_MEMORY = /out of memory|(?:not enough|can't allocate) memory|_ALLOC_FAILED/i;

/**
 * What to throw for an error of the addon.
 *
 * @param code - the error's `code`
 */
export function engineError(code: unknown, message: string, cause?: unknown): EngineError {
  const outOfMemory = code === "OUT_OF_MEMORY" || OUT_OF_MEMORY.test(message);
  return new (outOfMemory ? OutOfMemoryError : EngineError)(message, { cause });
}

/** Runs a call of the addon and turns its errors into {@link EngineError}s. */
export function guarded<R>(run: () => R): R {
  try {
    return run();
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && CODES.has(cause.code)) {
      throw engineError(cause.code, cause.message, cause);
    }
    throw cause;
  }
}
