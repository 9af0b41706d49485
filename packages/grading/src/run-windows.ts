/**
 * Runs a session over the windows of an image, several batches at a time.
 *
 * @module
 */
import { type RgbImage, throwIfAborted } from "@renograde/core";
import type { InferenceSession, SessionOutput } from "./session.js";
import { extractWindow, type Flip, type WindowPlan } from "./window-plan.js";

/** What {@link runWindows} works on. */
export interface WindowRun {
  readonly image: RgbImage;
  readonly plan: WindowPlan;
  readonly session: InferenceSession;
  /** Network input = byte × this. */
  readonly inputScale: number;
  /** Every window is run once mirrored by each. */
  readonly flips: readonly Flip[];
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
  readonly onSubmitted?: (() => void) | undefined;
}

/** Outputs of one batch. */
export interface WindowBatch {
  /** Window and mirroring of each place that counts. */
  readonly windows: readonly { readonly index: number; readonly flip: Flip }[];
  readonly output: SessionOutput;
}

/**
 * Gives the outputs of all windows to `receive`, in the order of windows whatever the order of answers: sums of
 * mirrored passes depend on it.
 *
 * @throws EngineError when the engine refuses, InterruptedError when `signal` is aborted
 */
export async function runWindows(run: WindowRun, receive: (batch: WindowBatch) => void): Promise<void> {
  const { image, plan, session, flips } = run;
  const total = plan.rows * plan.columns * flips.length;
  const inputValues = 3 * plan.window ** 2;
  const submit = (start: number, n: number) => {
    const batch = new Float32Array(session.batch * inputValues);
    const windows = Array.from({ length: n }, (_, i) => ({
      index: Math.floor((start + i) / flips.length),
      flip: flips[(start + i) % flips.length]!,
    }));
    for (const [i, { index, flip }] of windows.entries()) {
      extractWindow(image, plan, index, run.inputScale, batch, i * inputValues, flip);
    }
    const output = session.run(batch, n);
    // Awaited in turn; until then a failure is not unhandled, and after an earlier one nobody asks for it.
    output.catch(() => {});
    return { windows, output };
  };

  const parallel = session.parallel ?? 1;
  const most = parallel > 1 ? 2 * parallel : 1;
  const inFlight: ReturnType<typeof submit>[] = [];
  let next = 0;
  let done = 0;
  while (done < total) {
    throwIfAborted(run.signal);
    if (next < total && inFlight.length < most) {
      const n = Math.min(session.batch, total - next);
      inFlight.push(submit(next, n));
      next += n;
      if (next >= total) run.onSubmitted?.();
      continue;
    }
    const { windows, output } = inFlight.shift()!;
    receive({ windows, output: await output });
    done += windows.length;
    run.onProgress?.(done, total);
  }
}
