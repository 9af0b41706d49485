/**
 * What grading knows of an engine: windows in, maps out. ONNX Runtime implements it on Node and in the browser,
 * libtorch by executing the same graph.
 *
 * @module
 */

/** Outputs of one batch, in the engine's order of windows. */
export interface SessionOutput {
  /** `[B, channels, output, output]`; only the first n windows are read. Absent in networks of detections. */
  readonly maps?: Float32Array;
  /** `[B, task channels, output/stride, output/stride]`, where the model has them. */
  readonly tasks?: Float32Array;
  /** Of networks of detections, whose batches have one window: `[D, columns]`, columns as the model lists them. */
  readonly detections?: Float32Array;
}

/** A loaded model. One batch shape for its whole life, because engines choose their kernels by shape. */
export interface InferenceSession {
  /** Windows per batch, B. */
  readonly batch: number;
  /**
   * The engine and device in words, for reports: `"ONNX Runtime 1.30.0, CPU"`. Results of one image are comparable
   * to the last bit only within one engine, so an interrupted run does not resume with another.
   */
  readonly engine: string;
  /**
   * Batches the engine works on at the same time, default 1. With more, a caller that has twice as many in flight keeps
   * it busy.
   */
  readonly parallel?: number;
  /**
   * Runs one batch. May be called again before it has answered; answers can come in any order.
   * @param batch `[B, 3, window, window]`, always full: a short batch is padded with zeros by the caller. It belongs
   *   to the session from the call on, which may move its memory to another thread
   * @param n windows that count, 1 … B
   * @throws EngineError when the engine refuses
   */
  run(batch: Float32Array, n: number): Promise<SessionOutput>;
  /** Frees the engine's memory; the session cannot be used afterwards. */
  close(): Promise<void>;
}
