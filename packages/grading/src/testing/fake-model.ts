/**
 * Stand-ins for tests: metadata of a small model, and a session that gives back where its pixels come from.
 *
 * @module
 */
import { DEFAULT_POST_OPTIONS, RCC_CLASSES, type RgbImage } from "@renograde/core";
import type { ModelMetadata } from "@renograde/formats";
import type { InferenceSession } from "../session.js";

/** Metadata with the paper's sizes and channels: 7 maps, and 8 task channels at stride 2. */
export function fakeMetadata(changes: Partial<ModelMetadata> = {}): ModelMetadata {
  return {
    format: 1,
    name: "fake",
    network: "chr-net",
    preset: "paper",
    width: 1,
    precision: "float32",
    classes: RCC_CLASSES,
    mpp: 0.25,
    window: 262,
    output: 256,
    kept: 200,
    inputScale: 1 / 255,
    inputName: "image",
    outputs: [
      {
        name: "maps",
        stride: 1,
        channels: [
          ...[0, 1, 2, 3, 4].map((id) => ({ kind: "class", id }) as const),
          { kind: "nucleus" },
          { kind: "distance" },
        ],
      },
      {
        name: "tasks",
        stride: 2,
        channels: ([0, 1] as const).flatMap((task) =>
          [0, 1, 2, 3].map((id) => ({ kind: "task", task, id }) as const),
        ),
      },
    ],
    post: DEFAULT_POST_OPTIONS,
    training: {
      data: "none",
      synthetic: true,
      seed: 1,
      epochs: 0,
      steps: 0,
      scores: {},
      scoresOn: "",
    },
    licence: "Apache-2.0",
    intendedUse: "Research use only.",
    parameterHash: "0".repeat(64),
    renogradeVersion: "0.1.0",
    ...changes,
  };
}

/** Pixels that tell their position: red = x mod 256, green = y mod 256, blue = ⌊x/256⌋ + 16 ⌊y/256⌋. */
export function positionImage(width: number, height: number): RgbImage {
  const data = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      data.set([x & 255, y & 255, (x >> 8) + 16 * (y >> 8)], (y * width + x) * 3);
    }
  }
  return { width, height, data };
}

/** How a window's pixel becomes the values of its output pixel, written to `out`. */
export type PixelRule = (r: number, g: number, b: number, out: number[]) => void;

/** The rule of one output and how many values it writes. */
export interface FakeOutput {
  readonly channels: number;
  readonly rule: PixelRule;
}

/**
 * A session without a network: every output pixel is `rule` of the window's pixel at its place (3 px in), tasks
 * of every second one. `calls` counts batches.
 */
export function fakeSession(
  metadata: ModelMetadata,
  batch: number,
  outputs: { readonly maps: FakeOutput; readonly tasks?: FakeOutput },
): InferenceSession & { calls: number } {
  const { window, output } = metadata;
  const margin = (window - output) / 2;
  const plane = window * window;
  const apply = (input: Float32Array, count: number, { channels, rule }: FakeOutput, stride: number) => {
    const side = output / stride;
    const out = new Float32Array(batch * channels * side * side);
    const values = new Array<number>(channels).fill(0);
    for (let n = 0; n < count; n++) {
      for (let y = 0; y < side; y++) {
        for (let x = 0; x < side; x++) {
          const p = n * 3 * plane + (margin + y * stride) * window + margin + x * stride;
          const r = Math.round(input[p]! / metadata.inputScale);
          const g = Math.round(input[p + plane]! / metadata.inputScale);
          const b = Math.round(input[p + 2 * plane]! / metadata.inputScale);
          rule(r, g, b, values);
          for (let c = 0; c < channels; c++) out[((n * channels + c) * side + y) * side + x] = values[c]!;
        }
      }
    }
    return out;
  };
  return {
    batch,
    engine: "fake",
    calls: 0,
    async run(input, n) {
      this.calls++;
      const maps = apply(input, n, outputs.maps, 1);
      return outputs.tasks ? { maps, tasks: apply(input, n, outputs.tasks, 2) } : { maps };
    },
    async close() {},
  };
}
