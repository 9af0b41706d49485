/**
 * Tensors: handles of native arrays, calls of any ATen operator by name, and the scopes that free them.
 *
 * @module
 */
import { EngineError } from "@renograde/core";
import { guarded, type Handle, type Native, type NativeValue, native, type TensorData } from "./native.js";

/** Element types. `float16` and `bfloat16` are read and written through `Float32Array`. */
export type Dtype =
  | "float32"
  | "float64"
  | "float16"
  | "bfloat16"
  | "int64"
  | "int32"
  | "int16"
  | "int8"
  | "uint8"
  | "bool";

/** `"cpu"`, `"cuda"` or `"cuda:<index>"`. */
export type Device = "cpu" | "cuda" | `cuda:${number}`;

/** Arguments and results of operators. */
export type Value = Tensor | number | boolean | string | null | undefined | readonly Value[];

/** Scopes open now; the addon keeps the same count. */
let depth = 0;

/** Net for tensors made outside every scope: releases them when they are collected. */
const net = new FinalizationRegistry<Handle>((handle) => native().release(handle));

/**
 * A native tensor. It never changes its shape, element type or device; only {@link Tensor.write} and the
 * operators whose names end in `_` change its values.
 *
 * Tensors made inside {@link tidy} are freed at its end. Others live until {@link Tensor.dispose} or collection.
 */
export class Tensor {
  readonly handle: Handle;
  #shape: readonly number[] | undefined;

  /** Wraps a handle of the addon; made by this package only. */
  constructor(handle: Handle) {
    this.handle = handle;
    if (depth === 0) net.register(this, handle);
  }

  /** Sizes of the axes. */
  get shape(): readonly number[] {
    this.#shape ??= guarded(() => native().shape(this.handle));
    return this.#shape;
  }

  /** Number of elements. */
  get size(): number {
    return this.shape.reduce((product, n) => product * n, 1);
  }

  get dtype(): Dtype {
    return guarded(() => native().dtype(this.handle)) as Dtype;
  }

  get device(): Device {
    return guarded(() => native().device(this.handle)) as Device;
  }

  /** Whether operations on it are recorded for gradients. */
  get requiresGrad(): boolean {
    return guarded(() => native().requiresGrad(this.handle));
  }

  /** Turns recording on or off, of a leaf; returns the tensor. */
  setRequiresGrad(value: boolean): this {
    guarded(() => native().requiresGrad(this.handle, value));
    return this;
  }

  /** The gradient {@link backward} accumulated, or null. */
  get grad(): Tensor | null {
    const handle = guarded(() => native().gradOf(this.handle));
    return handle === null ? null : new Tensor(handle);
  }

  /** Replaces or (null) drops the gradient. */
  setGrad(grad: Tensor | null): void {
    guarded(() => native().setGrad(this.handle, grad === null ? null : grad.handle));
  }

  /** The value of a tensor with one element. */
  item(): number {
    return Number(guarded(() => native().item(this.handle)));
  }

  /** The values in row-major order, converted to float32. */
  toFloat32Array(): Float32Array {
    return this.read(new Float32Array(this.size));
  }

  /** The values in row-major order, converted to float64. */
  toFloat64Array(): Float64Array {
    return this.read(new Float64Array(this.size));
  }

  /** The values in row-major order, converted to int32 (fractions are cut off). */
  toInt32Array(): Int32Array {
    return this.read(new Int32Array(this.size));
  }

  /** The values in row-major order, converted to int64. */
  toBigInt64Array(): BigInt64Array {
    return this.read(new BigInt64Array(this.size));
  }

  /** The values in row-major order, converted to uint8; bool gives 0 and 1. */
  toUint8Array(): Uint8Array {
    return this.read(new Uint8Array(this.size));
  }

  /** Fills `into`, which has as many elements, and returns it; no other copy is made. */
  read<A extends TensorData>(into: A): A {
    guarded(() => native().read(this.handle, into));
    return into;
  }

  /** Overwrites the values in place; gradients are not recorded. */
  write(from: TensorData): void {
    guarded(() => native().write(this.handle, from));
  }

  /** Frees the native tensor now; disposing twice is harmless. */
  dispose(): void {
    native().release(this.handle);
  }
}

/** Where and how a new tensor is stored. */
export interface TensorOptions {
  /** Default: the typed array's own. */
  readonly dtype?: Dtype;
  /** Default `"cpu"`. */
  readonly device?: Device;
}

/**
 * A tensor with the values of a typed array (copied once), row-major.
 *
 * @throws EngineError when the shape needs another number of values
 * @example
 * const x = tensor(Float32Array.of(1, 2, 3, 4), [2, 2]);
 */
export function tensor(data: TensorData, shape: readonly number[], options: TensorOptions = {}): Tensor {
  return new Tensor(guarded(() => native().fromArray(data, shape, options.dtype, options.device)));
}

const operators = new Map<string, number>();

/** The addon's number of `"conv2d"`, `"add.Tensor"` or `"quantized::add"`. */
function operatorNumber(addon: Native, name: string): number {
  let number = operators.get(name);
  if (number === undefined) {
    const qualified = name.includes("::") ? name : `aten::${name}`;
    const dot = qualified.indexOf(".");
    const base = dot < 0 ? qualified : qualified.slice(0, dot);
    number = addon.op(base, dot < 0 ? "" : qualified.slice(dot + 1));
    operators.set(name, number);
  }
  return number;
}

function unwrap(value: Value): NativeValue {
  if (value instanceof Tensor) return value.handle;
  return Array.isArray(value) ? value.map(unwrap) : (value as NativeValue);
}

function wrap(value: NativeValue): Value {
  if (typeof value === "bigint") return new Tensor(value);
  return Array.isArray(value) ? value.map(wrap) : (value as Value);
}

/**
 * Calls an ATen operator by its schema name, such as `"conv2d"`, `"add.Tensor"` or `"_foreach_add_.List"`.
 *
 * Arguments follow the schema; undefined ones and those left out take its defaults. Dtypes, devices, memory formats
 * and reductions are given by name. Whole numbers are integers, so creation operators need a dtype.
 *
 * @param args - positional arguments
 * @param keywords - arguments by name
 * @returns the result; an array when the schema has several; undefined when it has none
 * @throws EngineError naming the operator and its arguments' shapes
 * @example
 * call("sum.dim_IntList", [x, [2, 3]], { keepdim: true });
 */
export function call(
  name: string,
  args: readonly Value[],
  keywords?: Readonly<Record<string, Value>>,
): Value {
  const addon = native();
  return guarded(() => {
    const number = operatorNumber(addon, name);
    if (keywords === undefined) return wrap(addon.call(number, args.map(unwrap)));
    const named: Record<string, NativeValue> = {};
    for (const [key, value] of Object.entries(keywords)) named[key] = unwrap(value);
    return wrap(addon.call(number, args.map(unwrap), named));
  });
}

/** Calls an operator whose result is one tensor; see {@link call}. */
export function op(name: string, args: readonly Value[], keywords?: Readonly<Record<string, Value>>): Tensor {
  const result = call(name, args, keywords);
  if (result instanceof Tensor) return result;
  throw new EngineError(`${name} does not give one tensor; use call()`);
}

/** The tensors in a result: itself, or those in arrays, maps and plain objects. */
function collect(value: unknown, into: Tensor[]): Tensor[] {
  if (value instanceof Tensor) into.push(value);
  else if (Array.isArray(value)) for (const element of value) collect(element, into);
  else if (value instanceof Map) for (const element of value.values()) collect(element, into);
  else if (typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype) {
    for (const element of Object.values(value)) collect(element, into);
  }
  return into;
}

/**
 * Runs `fn` and frees every tensor made in it, but for those in its result (a tensor, or arrays, maps and plain
 * objects of them), which pass to the enclosing scope, and those given to {@link keep}.
 *
 * @param fn - synchronous
 * @throws EngineError when `fn` returns a promise: scopes cannot span an `await`
 * @example
 * const loss = tidy(() => op("mean", [op("mul.Tensor", [x, x])]).item());
 */
export function tidy<R>(fn: () => R): R {
  const addon = native();
  addon.beginScope();
  depth++;
  let kept: Tensor[] = [];
  try {
    const result = fn();
    if (result instanceof Promise) {
      throw new EngineError("tidy: the function must be synchronous, it returned a promise");
    }
    kept = collect(result, []);
    return result;
  } finally {
    depth--;
    addon.endScope(kept.map((value) => value.handle));
    if (depth === 0) for (const value of kept) net.register(value, value.handle);
  }
}

/** Takes a tensor out of every scope: it lives until it is disposed of or collected. Returns it. */
export function keep(value: Tensor): Tensor {
  guarded(() => native().keep(value.handle));
  net.register(value, value.handle);
  return value;
}
