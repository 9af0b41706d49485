/**
 * Functions of a backend that every interpreter is tested on: each operation, each layer, with shapes small enough
 * for the reference.
 *
 * @module
 */
import { createRandom } from "@renograde/core";
import {
  type Backend,
  bottleneck,
  compositeConnection,
  convBnRelu,
  convOverUp2,
  decoderBlock,
  denseBlock,
  globalContext,
  preactBottleneck,
  residualBlock,
  resizeBicubic,
  simpleBlock,
  transposedConv,
} from "@renograde/nn";

/** One function of a backend and the shapes of its inputs. */
export interface Case {
  readonly name: string;
  readonly inputs: readonly (readonly number[])[];
  /** Values are uniform in this range; default −1 … 1. */
  readonly range?: readonly [number, number];
  run<T>(F: Backend<T>, xs: readonly T[]): T;
}

const map = [2, 4, 6, 5];

/** Every operation of inference. */
export const OPERATIONS: readonly Case[] = [
  {
    name: "conv2d, stride 2, one-sided padding, groups, bias",
    inputs: [[2, 4, 7, 6], [6, 2, 3, 3], [6]],
    run: (F, [x, w, b]) => F.conv2d(x!, w!, b!, { stride: 2, padding: [0, 1, 1, 0], groups: 2 }),
  },
  {
    name: "convTranspose2d, stride 2, groups, cropped unevenly",
    inputs: [[2, 4, 3, 4], [4, 3, 3, 3], [6]],
    run: (F, [x, w, b]) => F.convTranspose2d(x!, w!, b!, { stride: 2, padding: [1, 0, 0, 1], groups: 2 }),
  },
  {
    name: "layerNorm over C, H, W",
    inputs: [map, [4], [4]],
    run: (F, [x, w, b]) => F.layerNorm(x!, w!, b!, 1e-5),
  },
  { name: "relu", inputs: [map], run: (F, [x]) => F.relu(x!) },
  { name: "sigmoid", inputs: [map], run: (F, [x]) => F.sigmoid(x!) },
  { name: "softmax of channels", inputs: [map], run: (F, [x]) => F.softmax(x!, 1) },
  { name: "logSoftmax of columns", inputs: [map], run: (F, [x]) => F.logSoftmax(x!, -1) },
  { name: "log", inputs: [map], range: [0.1, 2], run: (F, [x]) => F.log(x!) },
  { name: "abs", inputs: [map], run: (F, [x]) => F.abs(x!) },
  { name: "clamp", inputs: [map], run: (F, [x]) => F.clamp(x!, -0.4, 0.3) },
  { name: "add, broadcast", inputs: [map, [4, 1, 5]], run: (F, [a, b]) => F.add(a!, b!) },
  { name: "sub", inputs: [map, map], run: (F, [a, b]) => F.sub(a!, b!) },
  { name: "mul, broadcast", inputs: [[2, 1, 6, 1], map], run: (F, [a, b]) => F.mul(a!, b!) },
  { name: "div", inputs: [map, map], range: [0.5, 2], run: (F, [a, b]) => F.div(a!, b!) },
  { name: "affine", inputs: [map], run: (F, [x]) => F.affine(x!, -2.5, 0.75) },
  {
    name: "matmul, batched",
    inputs: [
      [2, 3, 4],
      [2, 4, 5],
    ],
    run: (F, [a, b]) => F.matmul(a!, b!),
  },
  { name: "concat", inputs: [map, [2, 3, 6, 5]], run: (F, [a, b]) => F.concat([a!, b!], 1) },
  { name: "slice from the end", inputs: [map], run: (F, [x]) => F.slice(x!, 2, -5, -1) },
  { name: "slice with a step", inputs: [map], run: (F, [x]) => F.slice(x!, 3, 1, undefined, 2) },
  { name: "reshape, copied and inferred", inputs: [map], run: (F, [x]) => F.reshape(x!, [0, 2, -1]) },
  { name: "permute", inputs: [map], run: (F, [x]) => F.permute(x!, [0, 2, 3, 1]) },
  { name: "sum", inputs: [map], run: (F, [x]) => F.sum(x!, [0, 2, 3]) },
  { name: "mean", inputs: [map], run: (F, [x]) => F.mean(x!, [1]) },
  { name: "upsampleNearest ×2", inputs: [map], run: (F, [x]) => F.upsampleNearest(x!, 2) },
  { name: "upsampleNearest ×4", inputs: [map], run: (F, [x]) => F.upsampleNearest(x!, 4) },
  { name: "maxPool2d", inputs: [map], run: (F, [x]) => F.maxPool2d(x!, 3, 2) },
  { name: "avgPool2d", inputs: [map], run: (F, [x]) => F.avgPool2d(x!, 2, 2) },
  { name: "depthToSpace", inputs: [[2, 8, 3, 2]], run: (F, [x]) => F.depthToSpace(x!, 2) },
  // The draws are those of `createRandom`, in every interpreter; inference drops nothing.
  { name: "dropout", inputs: [map], run: (F, [x]) => F.abs(F.dropout(x!, 0.5, createRandom(5))) },
  { name: "constant", inputs: [map], run: (F, [x]) => F.mul(x!, F.constant([1, 2, 3, 4], [4, 1, 1])) },
];

const residual = (
  name: string,
  stride: 1 | 2,
  stridePadding: "symmetric" | "tf-same",
  relu: boolean,
): Case => ({
  name,
  inputs: [[2, 16, 8, 6]],
  run: (F, [x]) =>
    residualBlock(F, x!, {
      in: 16,
      out: stride === 2 ? 24 : 16,
      stride,
      stridePadding,
      gcInit: "xavier",
      relu,
    }),
});

/** First unit (stride 2) and second unit of a group of ResNet-50, which differ in their shortcuts. */
const bottlenecks: readonly Case[] = [true, false].flatMap((first) =>
  (["symmetric", "tf-same"] as const).slice(first ? 0 : 1).flatMap((stridePadding) =>
    Object.entries({ bottleneck, preactBottleneck }).map(
      ([name, unit]): Case => ({
        name: `${name}, ${first ? `first, stride 2, ${stridePadding}` : "second"}`,
        inputs: [[2, 16, 6, 8]],
        run: (F, [x]) =>
          unit(F, x!, {
            in: 16,
            mid: 8,
            out: first ? 24 : 16,
            stride: first ? 2 : 1,
            first,
            stridePadding,
            norm: {},
            shortNorm: {},
            cutBranch: false,
          }),
      }),
    ),
  ),
);

/** Every layer of spec/network.md §3 and spec/baselines.md, with each option that changes what it computes. */
export const LAYERS: readonly Case[] = [
  {
    name: "BNR(Conv 7/1, valid)",
    inputs: [[2, 3, 12, 10]],
    run: (F, [x]) => convBnRelu(F, x!, { in: 3, out: 8, kernel: 7, padding: [0, 0, 0, 0] }),
  },
  residual("residual block", 1, "symmetric", true),
  residual("residual block without ReLU", 1, "symmetric", false),
  residual("residual block, stride 2", 2, "symmetric", true),
  residual("residual block, stride 2, tf-same", 2, "tf-same", true),
  ...bottlenecks,
  ...([3, 5] as const).map(
    (kernel): Case => ({
      name: `dense block, ${kernel}×${kernel}`,
      inputs: [[2, 8, 14, 13]],
      run: (F, [x]) =>
        denseBlock(F, x!, {
          in: 8,
          units: 2,
          mid: 16,
          growth: 8,
          kernel,
          groups: 4,
          init: { kind: "normal", fan: "out", gain: 2 },
        }),
    }),
  ),
  ...(
    [
      [2, 2],
      [4, 4],
      [5, 1],
    ] as const
  ).map(
    ([kernel, stride]): Case => ({
      name: `transposed convolution ${kernel}/${stride} with bias`,
      inputs: [[2, 4, 3, 5]],
      run: (F, [x]) => transposedConv(F, x!, { in: 4, out: 6, kernel, stride, biasStart: 0.1 }),
    }),
  ),
  ...[5, 13].map(
    (to): Case => ({
      name: `bicubic, 9 to ${to} px`,
      inputs: [[2, 3, 9, 9]],
      run: (F, [x]) => resizeBicubic(F, x!, 9, to),
    }),
  ),
  { name: "global context", inputs: [[2, 24, 5, 4]], run: (F, [x]) => globalContext(F, x!, 24, "xavier") },
  {
    name: "simple block",
    inputs: [[2, 3, 8, 12]],
    run: (F, [x]) => simpleBlock(F, x!, { in: 3, out: 8, strides: [2, 1], stridePadding: "symmetric" }),
  },
  ...(["reorder", "full"] as const).flatMap((rewrite): Case[] => [
    {
      name: `decoder block, ${rewrite}`,
      inputs: [
        [2, 6, 3, 4],
        [2, 5, 6, 8],
      ],
      run: (F, [x, skip]) => decoderBlock(F, x!, skip!, { in: 6, skip: 5, out: 8 }, rewrite),
    },
    {
      name: `convolution over up2, ${rewrite}`,
      inputs: [[2, 6, 3, 4]],
      run: (F, [x]) => convOverUp2(F, x!, null, { in: 6, skip: 0, out: 4 }, rewrite),
    },
  ]),
  ...([1, 2] as const).flatMap((ups) =>
    (["none", "reorder"] as const).map(
      (rewrite): Case => ({
        name: `composite connection, n = ${ups}, ${rewrite}`,
        inputs: [[2, 6, 3, 2]],
        run: (F, [x]) => compositeConnection(F, x!, { in: 6, out: 8, ups, relu: true }, rewrite),
      }),
    ),
  ),
  {
    name: "composite connection without ReLU",
    inputs: [[2, 6, 3, 2]],
    run: (F, [x]) => compositeConnection(F, x!, { in: 6, out: 8, ups: 1, relu: false }, "reorder"),
  },
];
