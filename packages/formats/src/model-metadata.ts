/**
 * What a model file says of itself: the contract between training and grading. It is one JSON document in the
 * ONNX file's metadata under the key `renograde`; grading reads it from the file's bytes and from nowhere else.
 *
 * @module
 */
import type { ClassScheme, PostOptions } from "@renograde/core";

/** Meaning of one output channel. Class channels carry the class id of the scheme; 0 is background. */
export type OutputChannel =
  | { readonly kind: "class"; readonly id: number }
  | { readonly kind: "nucleus" }
  | { readonly kind: "distance" }
  /** Softmax channel `id` of cross-category task 0 or 1. */
  | { readonly kind: "task"; readonly task: 0 | 1; readonly id: number };

/** One output of the graph. */
export interface ModelOutput {
  /** `maps`: the 7 channels of spec/network.md §1. `tasks`: both task softmaxes, task 1 first. */
  readonly name: "maps" | "tasks";
  readonly channels: readonly OutputChannel[];
  /** Output pixels are this many image pixels wide: 1 for `maps`, 2 for `tasks`. */
  readonly stride: number;
}

/** Everything grading needs to know of a network. */
export interface ModelMetadata {
  /** Version of this document. */
  readonly format: 1;
  /** Short name, such as `chr-net-synthetic`; file-name safe. */
  readonly name: string;
  /** Architecture, such as `chr-net`, `shr`. */
  readonly network: string;
  readonly preset: "paper" | "reference";
  /** Channel multiplier. */
  readonly width: number;
  readonly precision: "float32" | "int8";
  readonly classes: ClassScheme;
  /** Micrometres per pixel the network was trained at. */
  readonly mpp: number;
  /** Input side, output side and kept centre in pixels: 262, 256, 200. */
  readonly window: number;
  readonly output: number;
  readonly kept: number;
  /** Network input = byte × this, RGB order, `[N, 3, window, window]`. */
  readonly inputScale: number;
  readonly inputName: string;
  readonly outputs: readonly ModelOutput[];
  readonly post: PostOptions;
  readonly training: {
    /** One sentence: which data, which split. */
    readonly data: string;
    /** True when no real tissue was used. */
    readonly synthetic: boolean;
    readonly seed: number;
    readonly epochs: number;
    readonly steps: number;
    /** Measured scores by name, with the set they were measured on in {@link scoresOn}. */
    readonly scores: Readonly<Record<string, number>>;
    readonly scoresOn: string;
  };
  /** SPDX expression or sentence for the weights. */
  readonly licence: string;
  /** Always says research use only. */
  readonly intendedUse: string;
  /** SHA-256 of the parameters, hexadecimal. */
  readonly parameterHash: string;
  readonly renogradeVersion: string;
}
