/**
 * A graph while it is being built: nodes that can still be rewritten, constants in float64.
 *
 * @module
 */
import type { OnnxAttribute } from "@renograde/formats";
import type { Tensor } from "../reference/tensor.js";

/** A result of a node or an input of the graph. */
export interface ValueRef {
  readonly kind: "value";
  readonly name: string;
}

/** An array known while exporting. */
export interface ConstantRef {
  readonly kind: "constant";
  readonly tensor: Tensor;
  /** Full name of the parameter it is, or null for anything computed. */
  readonly name: string | null;
}

/** An int64 argument of a node, such as a shape. */
export interface IntegersRef {
  readonly kind: "integers";
  readonly values: readonly number[];
}

/** An optional input left out. */
export interface AbsentRef {
  readonly kind: "absent";
}

/** What the ONNX interpreter computes with. */
export type OnnxRef = ValueRef | ConstantRef;

/** Anything a node reads. */
export type NodeInput = OnnxRef | IntegersRef | AbsentRef;

/** A node with one output. Passes may replace inputs. */
export interface DraftNode {
  /** Scope and operator, unique. */
  readonly name: string;
  /** Path of the scope it was emitted in. */
  readonly scope: string;
  readonly opType: string;
  inputs: NodeInput[];
  readonly attributes: Readonly<Record<string, OnnxAttribute>>;
  readonly output: string;
  /** Results before {@link output} that nobody reads, as of TopK. Default 0. */
  readonly unread?: number;
}

/** Nodes in execution order, and the graph's outputs. */
export interface DraftGraph {
  nodes: DraftNode[];
  /** Output name to the value it is. */
  readonly outputs: Map<string, string>;
}

/** Integer attribute. */
export const int = (value: number): OnnxAttribute => ({ kind: "int", value });
/** Integer list attribute. */
export const ints = (value: readonly number[]): OnnxAttribute => ({ kind: "ints", value });
/** Float attribute. */
export const float = (value: number): OnnxAttribute => ({ kind: "float", value });
/** String attribute. */
export const string = (value: string): OnnxAttribute => ({ kind: "string", value });
