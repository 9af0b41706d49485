/**
 * The wire format of Protocol Buffers, walked field by field without decoding messages: enough to find small
 * things in large files. Source: protobuf.dev, "Encoding".
 *
 * @module
 */
import type { FileFormatError } from "@renograde/core";
import { ByteReader } from "./byte-reader.js";

/** One field as it stands in a message. */
export interface ProtobufField {
  readonly number: number;
  /** Content when it is length-delimited, else null. */
  readonly bytes: Uint8Array | null;
  /** The whole field as it stands in the message, number and length included. */
  readonly raw: Uint8Array;
  /** Value of a varint (exact below 2^53) or of 32 fixed bits; 0 for other fields. */
  readonly value: number;
}

/**
 * Walks the fields of one message in order; contents are views.
 *
 * @throws FileFormatError when the bytes end inside a field or are no message
 */
export function* protobufFields(
  bytes: Uint8Array,
  options: { readonly path: string; readonly format: string },
): Generator<ProtobufField> {
  const reader = new ByteReader(bytes, options);
  const what = "a protobuf field";
  const varint = (): number => {
    let value = 0;
    for (let i = 0; i < 10; i++) {
      const byte = reader.u8(what);
      value += (byte & 127) * 2 ** (7 * i);
      if (byte < 128) return value;
    }
    throw corrupt(reader);
  };
  while (reader.remaining > 0) {
    const start = reader.position;
    const tag = varint();
    const number = Math.floor(tag / 8);
    const wireType = tag % 8;
    if (number < 1 || tag > 0xffffffff) throw corrupt(reader);
    let content: Uint8Array | null = null;
    let value = 0;
    if (wireType === 0) value = varint();
    else if (wireType === 1) reader.take8(8, what);
    else if (wireType === 2) content = reader.take8(varint(), what);
    else if (wireType === 5) value = reader.u32(what);
    else throw corrupt(reader);
    yield { number, bytes: content, raw: bytes.subarray(start, reader.position), value };
  }
}

function corrupt(reader: ByteReader): FileFormatError {
  return reader.error(
    `not a protobuf message at offset ${reader.position}; it is no ${reader.format} file, or truncated; copy or export it again`,
  );
}
