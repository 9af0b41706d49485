/**
 * Decompression of Snappy blocks, which LevelDB tables may be packed with.
 * Format: github.com/google/snappy, format_description.txt.
 *
 * @module
 */
import { ByteReader } from "./byte-reader.js";

/** A copy of 64 bytes is the best Snappy can do in 2 bytes; a block cannot say more than this of its own size. */
const MAX_EXPANSION = 64;

/**
 * Decompresses one block.
 *
 * @param options - name of the file, for messages
 * @throws FileFormatError when it is damaged
 */
export function snappyDecompress(bytes: Uint8Array, options: { path: string; format: string }): Uint8Array {
  const reader = new ByteReader(bytes, options);
  const what = "a Snappy block";
  const damaged = () => reader.error("a Snappy block is damaged; copy the file again");
  const size = readVarint(reader, what);
  if (size > bytes.length * MAX_EXPANSION) throw damaged();
  const out = new Uint8Array(size);
  let at = 0;
  while (reader.remaining > 0) {
    const tag = reader.u8(what);
    const high = tag >> 2;
    if ((tag & 3) === 0) {
      const length = 1 + (high < 60 ? high : littleEndian(reader, high - 59));
      const literal = reader.take8(length, what);
      if (at + length > size) throw damaged();
      out.set(literal, at);
      at += length;
      continue;
    }
    const short = (tag & 3) === 1;
    const length = short ? 4 + (high & 7) : 1 + high;
    const offset = short
      ? ((tag >> 5) << 8) | reader.u8(what)
      : littleEndian(reader, (tag & 3) === 2 ? 2 : 4);
    if (offset === 0 || offset > at || at + length > size) throw damaged();
    // Byte by byte: source and target may overlap, which repeats a pattern.
    for (const end = at + length; at < end; at++) out[at] = out[at - offset]!;
  }
  if (at !== size) throw damaged();
  return out;
}

function littleEndian(reader: ByteReader, length: number): number {
  let value = 0;
  for (let i = 0; i < length; i++) value += reader.u8("a Snappy block") * 2 ** (8 * i);
  return value;
}

/**
 * A number of 7 bits per byte, lowest first, below 2^53.
 *
 * @throws FileFormatError when it is longer
 */
export function readVarint(reader: ByteReader, what: string): number {
  let value = 0;
  for (let i = 0; i < 10; i++) {
    const byte = reader.u8(what);
    value += (byte & 127) * 2 ** (7 * i);
    if (byte < 128) {
      if (!Number.isSafeInteger(value)) break;
      return value;
    }
  }
  throw reader.error(`${what} holds an impossible number; the file is damaged`);
}
