/**
 * What can be said of a network without computing: parameters, tensors and multiply-adds (spec/network.md §11).
 *
 * @module
 */
import type { ParameterSpec } from "../backend.js";
import { type Network, outputSide, smallestInput } from "../networks/network.js";
import { createNetwork } from "../networks/registry.js";
import { elements } from "./rules.js";
import { ShapeBackend } from "./shape-backend.js";

/**
 * Parameters and buffers of a network in the order its forward pass declares them.
 *
 * @example
 * const state = initState(declareParameters(createNetwork("chr-net")), 1);
 */
export function declareParameters(network: Network): ParameterSpec[] {
  const F = new ShapeBackend();
  // The smallest legal input declares the same parameters as any other.
  const side = smallestInput(network.geometry);
  network.train(F, F.input([1, 3, side, side]));
  return F.specs;
}

/** Counts of one part, or of the whole. Trainable parameters only; multiply-adds for one image. */
export interface PartSummary {
  /** First component of the parameter names, such as `encoder`; the network's name for the whole. */
  readonly name: string;
  readonly parameters: number;
  readonly tensors: number;
  /** Multiply-adds as in the authors' code, with §3.5/§9 reordering, and with every exact rewrite. */
  readonly macs: { readonly none: number; readonly reorder: number; readonly full: number };
}

/** Counts by part and in all. */
export interface NetworkSummary {
  readonly parts: readonly PartSummary[];
  readonly total: PartSummary;
  readonly inputSide: number;
  readonly outputSide: number;
}

/**
 * Counts parameters and multiply-adds (of convolutions and of the GC pooling) of a forward pass.
 *
 * @param inputSide default: the training window
 * @throws ShapeError when the network cannot take that side
 */
export function summarize(network: Network, inputSide: number = network.geometry.window): NetworkSummary {
  const side = outputSide(network, inputSide);
  const count = (rewrite: "none" | "reorder" | "full"): ShapeBackend => {
    const F = new ShapeBackend();
    createNetwork(network.name, { ...network.options, rewrite }).train(
      F,
      F.input([1, 3, inputSide, inputSide]),
    );
    return F;
  };
  const none = count("none");
  const reorder = count("reorder");
  const full = count("full");
  const trained = none.specs.filter((spec) => spec.role === "parameter");
  const partOf = (spec: ParameterSpec): string => spec.name.split(".")[0]!;
  const names = [...new Set(trained.map(partOf))];
  const parts = names.map((name): PartSummary => {
    const own = trained.filter((spec) => partOf(spec) === name);
    return {
      name,
      parameters: own.reduce((sum, spec) => sum + elements(spec.shape), 0),
      tensors: own.length,
      macs: {
        none: none.macs.get(name) ?? 0,
        reorder: reorder.macs.get(name) ?? 0,
        full: full.macs.get(name) ?? 0,
      },
    };
  });
  const total = (pick: (part: PartSummary) => number): number =>
    parts.reduce((sum, part) => sum + pick(part), 0);
  return {
    parts,
    total: {
      name: network.name,
      parameters: total((part) => part.parameters),
      tensors: total((part) => part.tensors),
      macs: {
        none: total((part) => part.macs.none),
        reorder: total((part) => part.macs.reorder),
        full: total((part) => part.macs.full),
      },
    },
    inputSide,
    outputSide: side,
  };
}
