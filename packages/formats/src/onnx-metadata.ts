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
  const options = { path, format: FORMAT };
  let hasGraph = false;
  for (const field of protobufFields(bytes, options)) {
    if (field.number === MODEL_GRAPH) hasGraph = true;
    if (field.number !== MODEL_METADATA || field.bytes === null) continue;
    let key = "";
    let value = "";
    for (const part of protobufFields(field.bytes, options)) {
      if (part.bytes === null) continue;
      if (part.number === ENTRY_KEY) key = decodeUtf8(part.bytes, path, FORMAT);
      if (part.number === ENTRY_VALUE) value = decodeUtf8(part.bytes, path, FORMAT);
    }
    metadata[key] = value;
  }
  if (!hasGraph)
    throw new FileFormatError(
      path,
      FORMAT,
      "not an ONNX model (it holds no graph); it may be truncated, so copy or export it again",
    );
  return metadata;
}
