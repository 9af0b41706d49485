/**
 * A real ONNX model of two convolutions that finds coloured disks on white, and images of such disks with known
 * truth: the whole path from file to nuclei runs in tests without a trained network.
 *
 * @module
 */
import { type LabelMap, RCC_CLASSES, type RgbImage } from "@renograde/core";
import {
  encodeModelMetadata,
  encodeOnnxModel,
  type ModelMetadata,
  type OnnxGraph,
  type OnnxTensor,
} from "@renograde/formats";
import { fakeMetadata } from "./fake-model.js";

/** A linear function of the pixel: weights of red, green, blue in 0 … 1, and an offset. */
type Linear = readonly [r: number, g: number, b: number, offset: number];

/** Background is white, classes 1 to 4 are red, green, blue and black. */
const CLASS_LOGITS: readonly Linear[] = [
  [40, 40, 40, -80],
  [40, -40, -40, 0],
  [-40, 40, -40, 0],
  [-40, -40, 40, 0],
  [-40, -40, -40, 20],
];
/** Above the threshold of the mask wherever a third of the light is missing. */
const NUCLEUS_LOGIT: Linear = [-20, -20, -20, 50];
/** The same for the mean of 7 × 7 pixels: highest inside a disk. */
const DISTANCE_LOGIT: Linear = [-10, -10, -10, 25];

const KERNEL = 7;

/** Weights of a 7 × 7 convolution whose channels look at the centre pixel, or at the mean of all. */
function convolution(
  name: string,
  channels: readonly { readonly linear: Linear; readonly mean?: boolean }[],
): [OnnxTensor, OnnxTensor] {
  const taps = KERNEL * KERNEL;
  const weight = new Float32Array(channels.length * 3 * taps);
  const bias = new Float32Array(channels.length);
  for (const [c, { linear, mean }] of channels.entries()) {
    for (let color = 0; color < 3; color++) {
      const at = (c * 3 + color) * taps;
      if (mean) weight.fill(linear[color as 0 | 1 | 2] / taps, at, at + taps);
      else weight[at + (taps - 1) / 2] = linear[color as 0 | 1 | 2];
    }
    bias[c] = linear[3];
  }
  return [
    {
      name: `${name}.weight`,
      dtype: "float32",
      dims: [channels.length, 3, KERNEL, KERNEL],
      data: weight,
    },
    { name: `${name}.bias`, dtype: "float32", dims: [channels.length], data: bias },
  ];
}

function sizes(name: string, values: readonly number[]): OnnxTensor {
  return { name, dtype: "int64", dims: [values.length], data: BigInt64Array.from(values, BigInt) };
}

function tinyGraph(): OnnxGraph {
  const sum = (ids: readonly number[]): Linear => {
    // A merged class is as likely as its best member; for these colours the mean of the weights tells them apart.
    const members = ids.map((id) => CLASS_LOGITS[id]!);
    const mean = (i: 0 | 1 | 2 | 3): number => members.reduce((s, m) => s + m[i], 0) / members.length;
    return [mean(0), mean(1), mean(2), mean(3)];
  };
  const taskLogits = RCC_CLASSES.tasks.flatMap(({ merge }) =>
    [0, 1, 2, 3].map((channel) => sum(merge.flatMap((target, id) => (target === channel ? [id] : [])))),
  );
  const axis = { axis: { kind: "int", value: 1 } } as const;
  return {
    name: "tiny",
    initializers: [
      ...convolution("maps", [
        ...CLASS_LOGITS.map((linear) => ({ linear })),
        { linear: NUCLEUS_LOGIT },
        { linear: DISTANCE_LOGIT, mean: true },
      ]),
      ...convolution(
        "tasks",
        taskLogits.map((linear) => ({ linear })),
      ),
      sizes("mapsSplit", [5, 2]),
      sizes("tasksSplit", [4, 4]),
    ],
    nodes: [
      node("conv1", "Conv", ["image", "maps.weight", "maps.bias"], ["m"], {}),
      node("split1", "Split", ["m", "mapsSplit"], ["m1", "m2"], axis),
      node("softmax1", "Softmax", ["m1"], ["m3"], axis),
      node("sigmoid1", "Sigmoid", ["m2"], ["m4"], {}),
      node("concat1", "Concat", ["m3", "m4"], ["maps"], axis),
      node("conv2", "Conv", ["image", "tasks.weight", "tasks.bias"], ["t"], {
        strides: { kind: "ints", value: [2, 2] },
      }),
      node("split2", "Split", ["t", "tasksSplit"], ["t1", "t2"], axis),
      node("softmax2", "Softmax", ["t1"], ["t3"], axis),
      node("softmax3", "Softmax", ["t2"], ["t4"], axis),
      node("concat2", "Concat", ["t3", "t4"], ["tasks"], axis),
    ],
    inputs: [{ name: "image", dtype: "float32", dims: ["N", 3, 262, 262] }],
    outputs: [
      { name: "maps", dtype: "float32", dims: ["N", 7, 256, 256] },
      { name: "tasks", dtype: "float32", dims: ["N", 8, 128, 128] },
    ],
  };
}

function node(
  name: string,
  opType: string,
  inputs: readonly string[],
  outputs: readonly string[],
  attributes: OnnxGraph["nodes"][number]["attributes"],
): OnnxGraph["nodes"][number] {
  return { name, opType, inputs, outputs, attributes };
}

/** The bytes of the model file; `null` metadata leave them out. */
export function tinyModel(metadata: ModelMetadata | null = fakeMetadata()): Uint8Array {
  return encodeOnnxModel(tinyGraph(), {
    opset: 17,
    ...(metadata && { metadata: encodeModelMetadata(metadata) }),
  });
}

/** A disk: centre, radius in pixels, class 1 … 4. */
export interface Disk {
  readonly x: number;
  readonly y: number;
  readonly radius: number;
  readonly type: number;
}

const COLORS = [
  [255, 255, 255],
  [255, 0, 0],
  [0, 255, 0],
  [0, 0, 255],
  [0, 0, 0],
] as const;

/** Disks on white, with the label map that grading must find: disk i has label i + 1. */
export function diskImage(
  width: number,
  height: number,
  disks: readonly Disk[],
): { image: RgbImage; labels: LabelMap } {
  const data = new Uint8Array(width * height * 3).fill(255);
  const labels = new Int32Array(width * height);
  for (const [i, disk] of disks.entries()) {
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        if ((x - disk.x) ** 2 + (y - disk.y) ** 2 > disk.radius ** 2) continue;
        labels[y * width + x] = i + 1;
        data.set(COLORS[disk.type]!, (y * width + x) * 3);
      }
    }
  }
  return { image: { width, height, data }, labels: { width, height, data: labels } };
}

/** Disks of all four classes in reading order, well apart, on any image of at least 100 × 60 pixels. */
export function diskGrid(width: number, height: number): Disk[] {
  const disks: Disk[] = [];
  for (let y = 20; y + 16 < height; y += 40) {
    for (let x = 20; x + 16 < width; x += 40) {
      disks.push({ x, y, radius: 8 + (disks.length % 3), type: 1 + (disks.length % 4) });
    }
  }
  // Reading order of the first pixel: larger disks of a row begin higher.
  return disks.sort((a, b) => a.y - a.radius - (b.y - b.radius) || a.x - b.x);
}
