/**
 * Hugging Face's safetensors: an 8-byte length, a JSON header, raw little-endian tensors. The header is checked
 * strictly (known types, sizes that fit shapes, no overlap, no gap), data are read without copying where their
 * alignment allows it, and the writer gives chunks, so that large files are streamed.
 * Format: github.com/huggingface/safetensors, README.
 *
 * @module
 */
import { DataError, ShapeError } from "@renograde/core";
import { ByteReader, concatBytes } from "./byte-reader.js";
import {
  assertShape,
  bfloat16ToNumber,
  bytesOf,
  elementCount,
  halfToNumber,
  type NumericArray,
  type NumericArrayConstructor,
  viewAs,
} from "./element-types.js";
import { describeValue, isRecord, parseJson } from "./text.js";

/** Element types. F16, BF16 are held as their bit patterns in Uint16Array, BOOL as Uint8Array of 0 and 1. */
export type SafetensorDtype = "F32" | "F64" | "F16" | "BF16" | "I64" | "I32" | "U8" | "BOOL";

/** A tensor, row-major. */
export interface Safetensor {
  readonly dtype: SafetensorDtype;
  readonly shape: readonly number[];
  readonly data: NumericArray;
}

/** Content of a file: tensors by name in the file's order, and free text by key. */
export interface SafetensorsFile {
  readonly metadata: ReadonlyMap<string, string>;
  readonly tensors: ReadonlyMap<string, Safetensor>;
}

const FORMAT = "safetensors";
/** The official reader's limit. */
const MAX_HEADER = 100_000_000;
const STORAGE: Record<SafetensorDtype, NumericArrayConstructor> = {
  F64: Float64Array,
  I64: BigInt64Array,
  F32: Float32Array,
  I32: Int32Array,
  F16: Uint16Array,
  BF16: Uint16Array,
  U8: Uint8Array,
  BOOL: Uint8Array,
};

function isSafetensorDtype(value: unknown): value is SafetensorDtype {
  return typeof value === "string" && Object.hasOwn(STORAGE, value);
}

const isSize = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

/**
 * Parses a file. Tensors share the memory of `bytes` where their alignment allows it.
 *
 * @throws FileFormatError when the header is damaged or does not describe the data exactly
 */
export function parseSafetensors(bytes: Uint8Array, path = "<bytes>"): SafetensorsFile {
  const reader = new ByteReader(bytes, { path, format: FORMAT });
  const headerLength = reader.u64("the header length");
  if (headerLength > MAX_HEADER) {
    throw reader.error(`not a safetensors file (its header would have ${headerLength} bytes)`);
  }
  const header = parseJson(reader.take8(headerLength, "the header"), path, FORMAT);
  if (!isRecord(header)) throw reader.error("the header is not a JSON object; the file is corrupt");
  const data = bytes.subarray(reader.position);
  const metadata = new Map<string, string>();
  const ranges: { name: string; begin: number; end: number }[] = [];
  const tensors = new Map<string, Safetensor>();
  for (const [name, entry] of Object.entries(header)) {
    if (name === "__metadata__") {
      if (!isRecord(entry)) throw reader.error("__metadata__ is not an object of texts; the file is corrupt");
      for (const [key, value] of Object.entries(entry)) {
        if (typeof value !== "string") {
          throw reader.error(`__metadata__ '${key}' must be text, received ${describeValue(value)}`);
        }
        metadata.set(key, value);
      }
      continue;
    }
    const { dtype, shape, begin, end } = checkEntry(reader, name, entry);
    if (end > data.length) {
      throw reader.error(
        `tensor '${name}' ends at byte ${end} of ${data.length} bytes of data; the file is truncated or corrupt`,
      );
    }
    ranges.push({ name, begin, end });
    tensors.set(name, { dtype, shape, data: viewAs(STORAGE[dtype], data.subarray(begin, end)) });
  }
  checkCoverage(reader, ranges, data.length);
  return { metadata, tensors };
}

function checkEntry(
  reader: ByteReader,
  name: string,
  entry: unknown,
): { dtype: SafetensorDtype; shape: number[]; begin: number; end: number } {
  if (!isRecord(entry))
    throw reader.error(`tensor '${name}' is not described by an object; the file is corrupt`);
  const { dtype, shape, data_offsets: offsets } = entry;
  if (!isSafetensorDtype(dtype)) {
    throw reader.error(
      `tensor '${name}' has type ${describeValue(dtype)}; supported are ${Object.keys(STORAGE).join(", ")}`,
    );
  }
  if (!Array.isArray(shape) || !shape.every(isSize)) {
    throw reader.error(
      `tensor '${name}' has the impossible shape ${describeValue(shape)}; the file is corrupt`,
    );
  }
  const [begin, end]: unknown[] = Array.isArray(offsets) && offsets.length === 2 ? offsets : [];
  const size = elementCount(shape) * STORAGE[dtype].BYTES_PER_ELEMENT;
  if (!isSize(begin) || !isSize(end) || end - begin !== size) {
    throw reader.error(
      `tensor '${name}' (${dtype} [${shape.join(", ")}], ${size} bytes) has data_offsets ${describeValue(offsets)}; the file is corrupt`,
    );
  }
  return { dtype, shape, begin, end };
}

/** Tensors must fill the data from first to last byte, each byte once. */
function checkCoverage(
  reader: ByteReader,
  ranges: { name: string; begin: number; end: number }[],
  length: number,
): void {
  let expected = 0;
  for (const { name, begin, end } of ranges.sort((a, b) => a.begin - b.begin || a.end - b.end)) {
    if (begin !== expected) {
      const problem =
        begin < expected ? "overlaps the one before" : `leaves a gap of ${begin - expected} bytes`;
      throw reader.error(`tensor '${name}' ${problem}; the file is corrupt`);
    }
    expected = end;
  }
  if (expected !== length) {
    throw reader.error(`${length - expected} bytes follow the last tensor; the file is corrupt`);
  }
}

/** Values of a tensor as float32: half precisions widened, other types converted. F32 is returned as it is. */
export function safetensorToFloat32(tensor: Safetensor): Float32Array {
  const { dtype, data } = tensor;
  if (data instanceof Float32Array) return data;
  if (dtype === "F16") return Float32Array.from(data as Uint16Array, halfToNumber);
  if (dtype === "BF16") return Float32Array.from(data as Uint16Array, bfloat16ToNumber);
  const result = new Float32Array(data.length);
  for (let i = 0; i < data.length; i++) result[i] = Number(data[i]!);
  return result;
}

/** A tensor to be written; `data` may be a function, called when its turn comes, so that one is in memory at a time. */
export interface SafetensorSource {
  readonly dtype: SafetensorDtype;
  readonly shape: readonly number[];
  readonly data: NumericArray | (() => NumericArray);
}

/**
 * Writes a file in chunks: the header, then one chunk per tensor. As in the official writer, tensors are ordered by
 * falling element size, then name, which aligns every one of them; metadata keys are sorted. Same content, same bytes.
 *
 * @throws ShapeError when data do not fit their shape or type
 * @throws DataError when a tensor is called `__metadata__`
 */
export function* safetensorsChunks(
  tensors: Iterable<readonly [name: string, tensor: SafetensorSource]>,
  metadata: Iterable<readonly [key: string, value: string]> = [],
): Generator<Uint8Array> {
  const sources = [...tensors].sort(
    ([nameA, a], [nameB, b]) =>
      STORAGE[b.dtype].BYTES_PER_ELEMENT - STORAGE[a.dtype].BYTES_PER_ELEMENT ||
      rank(a.dtype) - rank(b.dtype) ||
      compareText(nameA, nameB),
  );
  const header = new Map<string, unknown>();
  const texts = [...metadata].sort(([a], [b]) => compareText(a, b));
  if (texts.length > 0) header.set("__metadata__", Object.fromEntries(texts));
  let offset = 0;
  for (const [name, { dtype, shape }] of sources) {
    if (name === "__metadata__" || header.has(name)) {
      throw new DataError(`safetensors: a tensor may not be called '${name}' (reserved or used twice)`);
    }
    const end = offset + elementCount(shape) * STORAGE[dtype].BYTES_PER_ELEMENT;
    header.set(name, { dtype, shape, data_offsets: [offset, end] });
    offset = end;
  }
  const json = [...header].map(([name, entry]) => `${JSON.stringify(name)}:${JSON.stringify(entry)}`);
  const text = new TextEncoder().encode(`{${json.join(",")}}`);
  const padded = new Uint8Array(Math.ceil(text.length / 8) * 8).fill(0x20);
  padded.set(text);
  yield concatBytes([bytesOf(BigUint64Array.of(BigInt(padded.length))), padded]);
  for (const [name, source] of sources) {
    const data = typeof source.data === "function" ? source.data() : source.data;
    assertShape(`tensor '${name}'`, source.shape, data.length);
    if (!(data instanceof STORAGE[source.dtype])) {
      throw new ShapeError(
        `tensor '${name}': type ${source.dtype} needs ${STORAGE[source.dtype].name}, received ${data.constructor.name}`,
      );
    }
    yield bytesOf(data);
  }
}

/** Writes a whole file in memory; see {@link safetensorsChunks}. */
export function encodeSafetensors(
  tensors: Iterable<readonly [name: string, tensor: SafetensorSource]>,
  metadata: Iterable<readonly [key: string, value: string]> = [],
): Uint8Array<ArrayBuffer> {
  return concatBytes([...safetensorsChunks(tensors, metadata)]);
}

/** Order of types of one size, that of the official writer (its list of types, reversed). */
const RANK: readonly SafetensorDtype[] = ["I64", "F64", "F32", "I32", "BF16", "F16", "U8", "BOOL"];
const rank = (dtype: SafetensorDtype): number => RANK.indexOf(dtype);

const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
