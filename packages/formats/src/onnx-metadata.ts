/**
 * Metadata of an ONNX file, read from its bytes without decoding graph and weights: ONNX Runtime's JavaScript
 * interface does not hand them out, and grading knows a model by nothing else.
 *
 * @module
 */
import { FileFormatError } from "@renograde/core";
import { protobufFields } from "./protobuf-walker.js";
import { decodeUtf8 } from "./text.js";

const FORMAT = "ONNX";
/** Field numbers of onnx.proto: ModelProto.graph and .metadata_props, StringStringEntryProto.key and .value. */
const MODEL_GRAPH = 7;
const MODEL_METADATA = 14;
const ENTRY_KEY = 1;
const ENTRY_VALUE = 2;

/**
 * Reads the metadata of a model by key; an empty record when there are none. Keys such as `__proto__` are plain keys
 * (the record has no prototype).
 *
 * @throws FileFormatError when the bytes are no ONNX model, or end inside a field
 */
export function readOnnxMetadata(bytes: Uint8Array, path = "<bytes>"): Record<string, string> {
  const metadata: Record<string, string> = Object.create(null);
  for (const { entry } of modelFields(bytes, path)) if (entry) metadata[entry.key] = entry.value;
  return metadata;
}

/**
 * A copy of a model with some metadata replaced or added; every other byte stays, graph and weights included.
 *
 * @param metadata - new values by key
 * @throws FileFormatError when the bytes are no ONNX model, or end inside a field
 */
export function replaceOnnxMetadata(
  bytes: Uint8Array,
  metadata: Readonly<Record<string, string>>,
  path = "<bytes>",
): Uint8Array<ArrayBuffer> {
  const parts: Uint8Array[] = [];
  for (const { raw, entry } of modelFields(bytes, path)) {
    if (!entry || !Object.hasOwn(metadata, entry.key)) parts.push(raw);
  }
  for (const [key, value] of Object.entries(metadata)) {
    const entry = [...encodeText(ENTRY_KEY, key), ...encodeText(ENTRY_VALUE, value)];
    parts.push(Uint8Array.from([...fieldHead(MODEL_METADATA, entry.length), ...entry]));
  }
  const copy = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    copy.set(part, at);
    at += part.length;
  }
  return copy;
}

/** Number and length of a length-delimited field. */
function fieldHead(number: number, length: number): number[] {
  const head = [number * 8 + 2];
  let rest = length;
  for (; rest > 127; rest = Math.floor(rest / 128)) head.push(128 + (rest % 128));
  return [...head, rest];
}

function encodeText(number: number, text: string): number[] {
  const bytes = new TextEncoder().encode(text);
  return [...fieldHead(number, bytes.length), ...bytes];
}

/** The fields of a model, and of its metadata what they say. */
function* modelFields(
  bytes: Uint8Array,
  path: string,
): Generator<{
  readonly raw: Uint8Array;
  readonly entry?: { readonly key: string; readonly value: string };
}> {
  const options = { path, format: FORMAT };
  let hasGraph = false;
  for (const field of protobufFields(bytes, options)) {
    if (field.number === MODEL_GRAPH) hasGraph = true;
    if (field.number !== MODEL_METADATA || field.bytes === null) {
      yield { raw: field.raw };
      continue;
    }
    let key = "";
    let value = "";
    for (const part of protobufFields(field.bytes, options)) {
      if (part.bytes === null) continue;
      if (part.number === ENTRY_KEY) key = decodeUtf8(part.bytes, path, FORMAT);
      if (part.number === ENTRY_VALUE) value = decodeUtf8(part.bytes, path, FORMAT);
    }
    yield { raw: field.raw, entry: { key, value } };
  }
  if (!hasGraph)
    throw new FileFormatError(
      path,
      FORMAT,
      "not an ONNX model (it holds no graph); it may be truncated, so copy or export it again",
    );
}
