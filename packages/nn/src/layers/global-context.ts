/**
 * Global context block: every position receives the same attention-pooled summary of the map
 * (Cao et al. 2019, GCNet; spec/network.md §3.2).
 *
 * @module
 */
import type { Backend } from "../backend.js";
import { conv } from "./conv.js";

/** How the block's last convolution starts; spec/network.md §3.2. */
export type GcInit = "zero-last" | "xavier";

const LAYER_NORM_EPS = 1e-5;

/**
 * y = x + fc2(ReLU(LN(fc1(Σ softmax(mask(x))·x)))), ratio 1/8, no biases.
 *
 * @param x `[N, C, h, w]`
 * @returns `[N, C, h, w]`
 */
export function globalContext<T>(F: Backend<T>, x: T, channels: number, init: GcInit): T {
  const hidden = Math.max(1, Math.floor(channels / 8));
  const logits = conv(F.scope("mask"), x, { in: channels, out: 1, kernel: 1 }); // [N, 1, h, w]
  const attention = F.softmax(F.reshape(logits, [0, -1, 1]), 1); // [N, h·w, 1]
  const pooled = F.matmul(F.reshape(x, [0, channels, -1]), attention); // [N, C, 1]
  const context = F.reshape(pooled, [0, channels, 1, 1]); // [N, C, 1, 1]
  const squeezed = conv(F.scope("fc1"), context, { in: channels, out: hidden, kernel: 1 });
  const ln = F.scope("ln");
  const weight = ln.param("weight", [hidden], { kind: "constant", value: 1 });
  const bias = ln.param("bias", [hidden], { kind: "constant", value: 0 });
  const activated = F.relu(ln.layerNorm(squeezed, weight, bias, LAYER_NORM_EPS));
  const transform = conv(F.scope("fc2"), activated, {
    in: hidden,
    out: channels,
    kernel: 1,
    init: init === "zero-last" ? { kind: "constant", value: 0 } : { kind: "xavier" },
  });
  return F.add(x, transform);
}
