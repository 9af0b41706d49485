/**
 * The library itself: version, threads, seed, devices and memory.
 *
 * @module
 */
import { guarded, type MemoryStats, native } from "./native.js";

/** What was loaded. */
export interface TorchInfo {
  /** Version of libtorch the addon was compiled against, such as `1.13.0`. */
  readonly version: string;
  /** libtorch's own description of how it was built. */
  readonly config: string;
  /** Threads of one operator, in this thread. */
  readonly threads: number;
  /** CUDA devices that can be used. */
  readonly cudaDevices: number;
}

/**
 * Loads libtorch (about a second; later calls cost nothing) and describes it. Each thread uses all processors unless
 * OMP_NUM_THREADS or {@link setThreads} says otherwise.
 *
 * @throws MissingDependencyError with the remedy when the addon is not built
 */
export function loadTorch(): TorchInfo {
  const addon = native();
  return {
    version: addon.version(),
    config: addon.config(),
    threads: addon.threads(),
    cudaDevices: addon.cudaDevices(),
  };
}

/** Sets how many threads one operator may use, for operators called from this thread. Returns the number. */
export function setThreads(count: number): number {
  return guarded(() => native().threads(count));
}

/** Seeds libtorch's random generators, of every device. */
export function manualSeed(seed: number): void {
  guarded(() => native().manualSeed(seed));
}

/** How operators may compute on a GPU; see {@link setAlgorithms}. */
export interface AlgorithmOptions {
  /**
   * Only algorithms that give the same bits every time; an operator that has none is an error. cuBLAS needs
   * CUBLAS_WORKSPACE_CONFIG for it, which is set here unless it is set already. Default false: the fastest are searched
   * for at first use.
   */
  readonly deterministic?: boolean;
  /** Products of float32 with ten bits of mantissa on tensor cores. Default false. */
  readonly tf32?: boolean;
}

/** Chooses algorithms, for the whole process; call it before the first operator on a GPU. No effect on the CPU. */
export function setAlgorithms(options: AlgorithmOptions): void {
  const { deterministic = false, tf32 = false } = options;
  if (deterministic) process.env.CUBLAS_WORKSPACE_CONFIG ??= ":4096:8";
  guarded(() => native().algorithms(deterministic, tf32));
}

/** Memory of CPU tensors and the number of live handles. */
export function memoryStats(): MemoryStats {
  return native().memory();
}

/** Starts the count of {@link MemoryStats.peak} anew. */
export function resetPeakMemory(): void {
  native().resetPeak();
}

/** Gives freed memory that waits for reuse back to the system. */
export function emptyCache(): void {
  native().emptyCache();
}

/** Bounds allocated plus cached bytes, beyond which nothing is cached. Default: three quarters of the memory. */
export function setMemoryLimit(bytes: number): void {
  guarded(() => native().setMemoryLimit(bytes));
}

/**
 * Bounds the main memory of tensors: a request for more fails with OutOfMemoryError, where Linux would grant it and
 * end the process when it is used. For the whole process.
 *
 * @param bytes - null: no bound, as at the start
 */
export function setMemoryBound(bytes: number | null): void {
  guarded(() => native().setMemoryBound(bytes === null ? null : Math.floor(bytes)));
}
