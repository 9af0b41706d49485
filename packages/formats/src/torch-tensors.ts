/**
 * Values of a PyTorch file once its pickle is read: tensors checked under their names, their elements gathered from
 * storages by stride and offset (torch/_utils.py, `_rebuild_tensor_v2`).
 *
 * @module
 */
import type { ByteReader } from "./byte-reader.js";
import { elementCount, type NumericArray, type NumericArrayConstructor, viewAs } from "./element-types.js";
import { PickleTuple } from "./pickle.js";

/** Element types. F16, BF16 are held as their bit patterns in Uint16Array, BOOL as Uint8Array. */
export type TorchDtype = "F64" | "F32" | "F16" | "BF16" | "I64" | "I32" | "I16" | "I8" | "U8" | "BOOL";

/** A tensor of a file. Its elements are gathered when asked for. */
export interface TorchTensor {
  readonly kind: "tensor";
  readonly dtype: TorchDtype;
  readonly shape: readonly number[];
  /** Elements, row-major, in new memory or a view of the file. @throws FileFormatError for a wrong checksum */
  read(): NumericArray;
}

/** What a file holds. Tuples and sets are arrays here; keys of dictionaries are text. */
export type TorchValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | TorchTensor
  | readonly TorchValue[]
  | ReadonlyMap<string, TorchValue>;

/** How elements are held. */
export const TORCH_STORAGE: Record<TorchDtype, NumericArrayConstructor> = {
  F64: Float64Array,
  F32: Float32Array,
  F16: Uint16Array,
  BF16: Uint16Array,
  I64: BigInt64Array,
  I32: Int32Array,
  I16: Int16Array,
  I8: Int8Array,
  U8: Uint8Array,
  BOOL: Uint8Array,
};
/** A view may repeat elements (stride 0); beyond this many it may not have more than its storage. */
const MAX_REPEATED = 2 ** 20;
/** Deeper or larger trees are no dictionaries of weights. */
const MAX_DEPTH = 64;
const MAX_ENTRIES = 1_000_000;

/** Elements shared by tensors. */
export interface TorchStorage {
  readonly key: string;
  readonly dtype: TorchDtype;
  /** Elements. */
  readonly length: number;
}

/** A tensor as the pickle says, before its numbers are checked. */
export class RawTensor {
  readonly storage: TorchStorage;
  readonly offset: unknown;
  readonly shape: unknown;
  readonly strides: unknown;
  constructor(storage: TorchStorage, offset: unknown, shape: unknown, strides: unknown) {
    this.storage = storage;
    this.offset = offset;
    this.shape = shape;
    this.strides = strides;
  }
}

/** True for the tensors among the values of a file. */
export function isTorchTensor(value: TorchValue): value is TorchTensor {
  return typeof value === "object" && value !== null && "kind" in value && value.kind === "tensor";
}

/** Names in a tree, joined by dots. */
export const joinNames = (prefix: string, key: string): string => (prefix === "" ? key : `${prefix}.${key}`);

/** A whole number >= 0. */
export const isSize = (value: unknown): value is number =>
  Number.isSafeInteger(value) && (value as number) >= 0;

function toSizes(value: unknown): readonly number[] | null {
  const items: unknown = value instanceof PickleTuple ? value.items : value;
  if (!Array.isArray(items) || items.length > MAX_DEPTH) return null;
  const sizes: unknown[] = items;
  return sizes.every(isSize) ? sizes : null;
}

/** Checks every tensor under its name and turns Python's values into ours. */
export function toValue(
  reader: ByteReader,
  raw: unknown,
  bytesOf: (storage: TorchStorage) => Uint8Array,
): TorchValue {
  let entries = 0;
  const convert = (node: unknown, name: string, depth: number): TorchValue => {
    if (depth > MAX_DEPTH || ++entries > MAX_ENTRIES) {
      throw reader.error(`its values are nested too deeply or too many; it is no dictionary of weights`);
    }
    if (node instanceof RawTensor) return toTensor(reader, node, name, bytesOf);
    if (node instanceof Map) {
      const result = new Map<string, TorchValue>();
      for (const [key, value] of node) {
        if (typeof key !== "string" && typeof key !== "number" && typeof key !== "boolean") {
          throw reader.error(
            `a key in '${name}' is neither text nor a number; it is no dictionary of weights`,
          );
        }
        result.set(String(key), convert(value, joinNames(name, String(key)), depth + 1));
      }
      return result;
    }
    const items = node instanceof PickleTuple ? node.items : node instanceof Set ? [...node] : node;
    if (Array.isArray(items))
      return items.map((item, i) => convert(item, joinNames(name, String(i)), depth + 1));
    if (node === null || node instanceof Uint8Array) return node;
    if (typeof node === "boolean" || typeof node === "number") return node;
    if (typeof node === "bigint" || typeof node === "string") return node;
    throw reader.error(`'${name}' is neither a tensor nor a plain value; save a dictionary of tensors`);
  };
  return convert(raw, "", 0);
}

function toTensor(
  reader: ByteReader,
  raw: RawTensor,
  name: string,
  bytesOf: (storage: TorchStorage) => Uint8Array,
): TorchTensor {
  const { storage, offset } = raw;
  const shape = toSizes(raw.shape);
  const strides = toSizes(raw.strides);
  if (shape === null || strides === null || !isSize(offset) || strides.length !== shape.length) {
    throw reader.error(`tensor '${name}' has an impossible shape, stride or offset; the file is damaged`);
  }
  const count = elementCount(shape);
  const last = count === 0 ? -1 : shape.reduce((at, size, axis) => at + (size - 1) * strides[axis]!, offset);
  if (last >= storage.length || count > Math.max(storage.length, MAX_REPEATED)) {
    throw reader.error(
      `tensor '${name}' of shape [${shape.join(", ")}] does not fit its storage of ${storage.length} elements; the file is damaged`,
    );
  }
  return {
    kind: "tensor",
    dtype: storage.dtype,
    shape,
    read: () => gather(TORCH_STORAGE[storage.dtype], bytesOf(storage), { offset, shape, strides }),
  };
}

/** Elements of a view, row-major; a part of the storage itself when they lie together. */
function gather(
  type: NumericArrayConstructor,
  bytes: Uint8Array,
  view: { offset: number; shape: readonly number[]; strides: readonly number[] },
): NumericArray {
  const { offset, shape, strides } = view;
  const storage = viewAs(type, bytes);
  const count = elementCount(shape);
  let packed = 1;
  let contiguous = true;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    if (shape[axis] !== 1 && strides[axis] !== packed) contiguous = false;
    packed *= shape[axis]!;
  }
  if (contiguous || count === 0) return storage.subarray(offset, offset + count);
  const result = new type(count);
  const index = new Array<number>(shape.length).fill(0);
  const source: ArrayLike<number | bigint> = storage;
  const target: { [index: number]: number | bigint } = result;
  let from = offset;
  for (let to = 0; to < count; to++) {
    target[to] = source[from]!;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      index[axis]!++;
      from += strides[axis]!;
      if (index[axis]! < shape[axis]!) break;
      from -= strides[axis]! * shape[axis]!;
      index[axis] = 0;
    }
  }
  return result;
}
