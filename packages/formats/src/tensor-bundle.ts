/**
 * TensorFlow checkpoints (format V2, "tensor bundle"): `<prefix>.index` says for every tensor where its bytes stand in
 * `<prefix>.data-00000-of-0000N`. The index is a LevelDB table of protocol buffers.
 * Format: tensorflow/core/protobuf/tensor_bundle.proto and util/tensor_bundle.
 *
 * @module
 */
import { FileFormatError } from "@renograde/core";
import { crc32c, unmaskCrc32c } from "./checksums.js";
import { elementCount, type NumericArray, type NumericArrayConstructor, viewAs } from "./element-types.js";
import { readLevelDbTable } from "./leveldb-table.js";
import { protobufFields } from "./protobuf-walker.js";
import { decodeUtf8 } from "./text.js";

/** Element types that hold numbers. F16, BF16 are held as their bit patterns in Uint16Array, BOOL as Uint8Array of 0 and 1. */
export type BundleDtype = "F32" | "F64" | "F16" | "BF16" | "I32" | "U8" | "I16" | "I8" | "I64" | "BOOL";

/** Where a tensor stands. */
export interface BundleEntry {
  /** Null for what holds no numbers we read, such as text. */
  readonly dtype: BundleDtype | null;
  readonly shape: readonly number[];
  /** Which data file. */
  readonly shard: number;
  /** First byte in it, and number of bytes. */
  readonly offset: number;
  readonly size: number;
  /** CRC-32C of the bytes. */
  readonly crc32c: number;
}

/** An index: number of data files, and tensors by name in alphabetical order. */
export interface BundleIndex {
  readonly shards: number;
  readonly entries: ReadonlyMap<string, BundleEntry>;
}

const FORMAT = "TensorFlow checkpoint";
/** Numbers of `DataType` in types.proto. */
const DTYPES: ReadonlyMap<number, BundleDtype> = new Map([
  [1, "F32"],
  [2, "F64"],
  [3, "I32"],
  [4, "U8"],
  [5, "I16"],
  [6, "I8"],
  [9, "I64"],
  [10, "BOOL"],
  [14, "BF16"],
  [19, "F16"],
]);
const STORAGE: Record<BundleDtype, NumericArrayConstructor> = {
  F32: Float32Array,
  F64: Float64Array,
  F16: Uint16Array,
  BF16: Uint16Array,
  I32: Int32Array,
  U8: Uint8Array,
  I16: Int16Array,
  I8: Int8Array,
  I64: BigInt64Array,
  BOOL: Uint8Array,
};
/** More axes than any tensor has. */
const MAX_RANK = 254;

/** Name of a data file. */
export function bundleDataPath(prefix: string, shard: number, shards: number): string {
  const digits = (value: number): string => String(value).padStart(5, "0");
  return `${prefix}.data-${digits(shard)}-of-${digits(shards)}`;
}

/**
 * Parses an `.index` file.
 *
 * @throws FileFormatError when it is truncated or damaged, was written on a big-endian machine, or holds a tensor in
 *   several parts (partitioned variables)
 */
export function parseBundleIndex(bytes: Uint8Array, path = "<bytes>"): BundleIndex {
  const entries = new Map<string, BundleEntry>();
  let shards: number | null = null;
  for (const { key, value } of readLevelDbTable(bytes, { path, format: FORMAT })) {
    if (key.length === 0) {
      shards = parseHeader(value, path);
      continue;
    }
    if (shards === null) throw new FileFormatError(path, FORMAT, "has no header; the file is damaged");
    const name = decodeUtf8(key, path, FORMAT);
    const entry = parseEntry(value, name, path);
    if (entry.shard >= shards || entries.has(name)) {
      throw new FileFormatError(path, FORMAT, `tensor '${name}' is described wrongly; the file is damaged`);
    }
    entries.set(name, entry);
  }
  if (shards === null) throw new FileFormatError(path, FORMAT, "has no header; the file is damaged");
  return { shards, entries };
}

function parseHeader(message: Uint8Array, path: string): number {
  let shards = 0;
  for (const { number, value } of protobufFields(message, { path, format: FORMAT })) {
    if (number === 1) shards = value;
    if (number === 2 && value !== 0) {
      throw new FileFormatError(path, FORMAT, "was written on a big-endian machine, which is not supported");
    }
  }
  if (shards < 1 || shards > 99_999) {
    throw new FileFormatError(path, FORMAT, `would have ${shards} data files; the file is damaged`);
  }
  return shards;
}

function parseEntry(message: Uint8Array, name: string, path: string): BundleEntry {
  let type = 0;
  let shape: readonly number[] = [];
  const numbers = { shard: 0, offset: 0, size: 0, crc: 0 };
  for (const { number, bytes, value } of protobufFields(message, { path, format: FORMAT })) {
    if (number === 1) type = value;
    else if (number === 2 && bytes !== null) shape = parseShape(bytes, path);
    else if (number === 3) numbers.shard = value;
    else if (number === 4) numbers.offset = value;
    else if (number === 5) numbers.size = value;
    else if (number === 6) numbers.crc = value;
    else if (number === 7) {
      throw new FileFormatError(
        path,
        FORMAT,
        `tensor '${name}' is stored in parts (a partitioned variable), which is not supported; save it without partitioner`,
      );
    }
  }
  const dtype = DTYPES.get(type) ?? null;
  const size = dtype === null ? numbers.size : elementCount(shape) * STORAGE[dtype].BYTES_PER_ELEMENT;
  if (![numbers.offset, numbers.size, ...shape].every(Number.isSafeInteger) || size !== numbers.size) {
    throw new FileFormatError(
      path,
      FORMAT,
      `tensor '${name}' of shape [${shape.join(", ")}] cannot have ${numbers.size} bytes; the file is damaged`,
    );
  }
  return {
    dtype,
    shape,
    shard: numbers.shard,
    offset: numbers.offset,
    size: numbers.size,
    crc32c: unmaskCrc32c(numbers.crc),
  };
}

/** TensorShapeProto: field 2 is an axis, whose field 1 is its size. */
function parseShape(message: Uint8Array, path: string): number[] {
  const shape: number[] = [];
  for (const { number, bytes } of protobufFields(message, { path, format: FORMAT })) {
    if (number !== 2 || bytes === null) continue;
    let size = 0;
    for (const field of protobufFields(bytes, { path, format: FORMAT }))
      if (field.number === 1) size = field.value;
    shape.push(size);
    if (shape.length > MAX_RANK) {
      throw new FileFormatError(path, FORMAT, `a tensor has more than ${MAX_RANK} axes; the file is damaged`);
    }
  }
  return shape;
}

/**
 * The elements of a tensor, row-major.
 *
 * @param bytes - its {@link BundleEntry.size} bytes, from {@link BundleEntry.offset} of its data file
 * @param place - data file and name of the tensor, for messages
 * @throws FileFormatError when bytes are missing, the checksum is wrong, or it holds no numbers
 */
export function decodeBundleTensor(
  entry: BundleEntry,
  bytes: Uint8Array,
  place: { readonly path: string; readonly name: string },
): NumericArray {
  const { path, name } = place;
  const fail = (problem: string) => new FileFormatError(path, FORMAT, `tensor '${name}' ${problem}`);
  if (entry.dtype === null) throw fail("holds no numbers of a type that is read");
  if (bytes.length !== entry.size) {
    throw fail(
      `needs ${entry.size} bytes at ${entry.offset}, ${bytes.length} are there; the file is truncated`,
    );
  }
  if (crc32c(bytes) !== entry.crc32c)
    throw fail("has the wrong checksum; the file is damaged, copy it again");
  return viewAs(STORAGE[entry.dtype], bytes);
}
