/** A libtorch with headers. */
export interface Libtorch {
  /** Its folder, such as `/usr` or `…/site-packages/torch`. */
  readonly root: string;
  readonly include: string;
  readonly lib: string;
  /** Such as `1.13.0`. */
  readonly version: string;
  /** Where it was found. */
  readonly source: "RENOGRADE_LIBTORCH" | "python" | "system";
  /** Whether it comes with CUDA. */
  readonly cuda: boolean;
}

/** The addon cannot be built here; the message says why and what to do. */
export class BuildError extends Error {}

/** The compiled addon. */
export const addonPath: string;

/** Finds libtorch with its headers; throws {@link BuildError} when RENOGRADE_LIBTORCH is set but wrong. */
export function findLibtorch(): Libtorch | undefined;

/** First C++ compiler in PATH (or the environment's CXX), or undefined. */
export function findCompiler(): string | undefined;

/** Whether the compiled addon is up to date with its sources and the libtorch found now. */
export function isBuilt(): boolean;

/** Compiles the addon unless it is up to date; throws {@link BuildError} with the reason. */
export function buildAddon(options?: { force?: boolean }): {
  readonly path: string;
  readonly compiled: boolean;
  readonly libtorch: Libtorch;
  /** Backends of c10d that were compiled in: none, `gloo`, or `gloo` and `nccl`. */
  readonly c10d: readonly string[];
};
