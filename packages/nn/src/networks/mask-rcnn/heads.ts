/**
 * The two heads of Mask R-CNN: class and box of a region, and its mask (He et al. 2017; spec/baselines.md §4).
 *
 * @module
 */
import type { Backend, Init } from "../../backend.js";
import { conv } from "../../layers/conv.js";
import { type ResolvedNetOptions, scaleChannels } from "../options.js";
import { pyramidChannels } from "./feature-pyramid.js";
import { BOX_CELLS } from "./settings.js";

/** He's start, for layers before a ReLU. */
const HE: Init = { kind: "normal", fan: "in", gain: 2 };

/** Classes of a network with background. */
export function classCount(net: ResolvedNetOptions): number {
  return net.classes.classes.length + 1;
}

/**
 * Class logits and class-wise regressions of regions.
 *
 * @param F scope `boxHead`
 * @param x `[R, C, 7, 7]`
 * @returns `classes` `[R, K+1]`, `boxes` `[R, 4·(K+1)]`
 */
export function boxHead<T>(F: Backend<T>, x: T, net: ResolvedNetOptions): { classes: T; boxes: T } {
  const inputs = pyramidChannels(net) * BOX_CELLS ** 2;
  const hidden = scaleChannels(1024, net.width);
  const classes = classCount(net);
  let h = F.relu(linear(F.scope("fc1"), F.reshape(x, [-1, inputs]), inputs, hidden, HE));
  h = F.relu(linear(F.scope("fc2"), h, hidden, hidden, HE));
  const small = (deviation: number): Init => ({ kind: "normal", fan: "in", gain: deviation ** 2 * hidden });
  return {
    classes: linear(F.scope("classes"), h, hidden, classes, small(0.01)),
    boxes: linear(F.scope("boxes"), h, hidden, 4 * classes, small(0.001)),
  };
}

/** Fully connected layer with parameters `weight` `[out, in]` and `bias`. */
function linear<T>(F: Backend<T>, x: T, inputs: number, outputs: number, init: Init): T {
  const weight = F.param("weight", [outputs, inputs], init);
  const bias = F.param("bias", [outputs], { kind: "constant", value: 0 });
  return F.add(F.matmul(x, F.permute(weight, [1, 0])), bias);
}

/**
 * Mask logits of regions, one mask per class.
 *
 * @param F scope `maskHead`
 * @param x `[R, C, 14, 14]`
 * @returns `[R, K+1, 28, 28]`
 */
export function maskHead<T>(F: Backend<T>, x: T, net: ResolvedNetOptions): T {
  const channels = pyramidChannels(net);
  const spec = { in: channels, out: channels, kernel: 3, bias: true, init: HE };
  let h = x;
  for (let i = 1; i <= 4; i++) h = F.relu(conv(F.scope(`conv${i}`), h, spec));
  const U = F.scope("up");
  const weight = U.param("weight", [channels, channels, 2, 2], { kind: "normal", fan: "out", gain: 8 });
  const bias = U.param("bias", [channels], { kind: "constant", value: 0 });
  h = F.relu(U.convTranspose2d(h, weight, bias, { stride: 2 }));
  const init: Init = { kind: "normal", fan: "in", gain: 1 };
  return conv(F.scope("classes"), h, { in: channels, out: classCount(net), kernel: 1, bias: true, init });
}
