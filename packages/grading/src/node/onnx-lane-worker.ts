/**
 * The thread of one lane: a session of ONNX Runtime, whose runs block this thread and no other.
 *
 * @module
 */
import { EngineError } from "@renograde/core";
import type { ModelMetadata } from "@renograde/formats";
import { serveCalls, type Transferred, transferred } from "@renograde/slides/node";
import type { SessionOutput } from "../session.js";
import { type LaneOptions, type LoadedModel, openOnnxLane } from "./onnx-session.js";

/** What a lane has loaded. */
export interface LaneModel {
  readonly metadata: ModelMetadata;
  readonly batch: number;
  readonly engine: string;
}

/** What a lane can be asked. */
export interface LaneCalls {
  /** Loads the model; to be called once, before everything else. */
  open(request: { readonly path: string; readonly options: LaneOptions }): Promise<LaneModel>;
  /** Runs one batch as `InferenceSession.run` does. */
  run(request: { readonly batch: Float32Array; readonly n: number }): Promise<Transferred<SessionOutput>>;
}

let model: LoadedModel | undefined;

serveCalls<LaneCalls>({
  async open({ path, options }) {
    model = await openOnnxLane(path, options);
    const { metadata, session } = model;
    return { metadata, batch: session.batch, engine: session.engine };
  },
  async run({ batch, n }) {
    if (!model) throw new EngineError("this lane has no model; it could not be loaded");
    const output = await model.session.run(batch, n);
    return transferred(
      output,
      Object.values(output).map((data: Float32Array) => data.buffer as ArrayBuffer),
    );
  },
});
