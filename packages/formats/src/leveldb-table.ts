/**
 * LevelDB's sorted table, read from first to last entry: blocks of prefix-compressed keys with checksums, plain or
 * packed with Snappy. Format: github.com/google/leveldb, doc/table_format.md.
 *
 * @module
 */
import { ByteReader, concatBytes } from "./byte-reader.js";
import { crc32c, unmaskCrc32c } from "./checksums.js";
import { readVarint, snappyDecompress } from "./snappy.js";

/** The file, for messages. */
interface Source {
  readonly path: string;
  readonly format: string;
}

const FOOTER_SIZE = 48;
const MAGIC_LOW = 0x8b80fb57;
const MAGIC_HIGH = 0xdb477524;
const PLAIN = 0;
const SNAPPY = 1;

/**
 * All entries in the order of their keys; keys are copies, values are views of the file where its block is plain.
 *
 * @throws FileFormatError when it is no table, truncated or damaged
 */
export function* readLevelDbTable(
  bytes: Uint8Array,
  source: Source,
): Generator<{ readonly key: Uint8Array; readonly value: Uint8Array }> {
  const whole = new ByteReader(bytes, source);
  whole.position = Math.max(0, bytes.length - 8);
  const isTable =
    bytes.length >= FOOTER_SIZE &&
    whole.u32("the footer") === MAGIC_LOW &&
    whole.u32("the footer") === MAGIC_HIGH;
  if (!isTable) {
    throw whole.error("not a table of TensorFlow or LevelDB (its last bytes are others), or truncated");
  }
  const footer = new ByteReader(bytes, {
    ...source,
    start: bytes.length - FOOTER_SIZE,
    end: bytes.length - 8,
  });
  readHandle(footer); // of the meta index, which holds nothing we need
  for (const { value } of readBlock(bytes, readHandle(footer), source)) {
    yield* readBlock(bytes, readHandle(new ByteReader(value, source)), source);
  }
}

interface Handle {
  readonly offset: number;
  readonly size: number;
}

function readHandle(reader: ByteReader): Handle {
  const what = "the place of a block";
  return { offset: readVarint(reader, what), size: readVarint(reader, what) };
}

/** Content of a block: type byte and masked CRC-32C follow it. */
function loadBlock(bytes: Uint8Array, { offset, size }: Handle, source: Source): Uint8Array {
  const reader = new ByteReader(bytes, { ...source, start: Math.min(offset, bytes.length) });
  const what = "a block of the table";
  const content = reader.take8(size, what);
  const type = reader.u8(what);
  const expected = unmaskCrc32c(reader.u32(what));
  if (crc32c(bytes.subarray(offset, offset + size + 1)) !== expected) {
    throw reader.error("a block of the table has the wrong checksum; the file is damaged, copy it again");
  }
  if (type === PLAIN) return content;
  if (type === SNAPPY) return snappyDecompress(content, source);
  throw reader.error(`a block of the table is packed in way ${type}, which is not supported`);
}

function* readBlock(
  bytes: Uint8Array,
  handle: Handle,
  source: Source,
): Generator<{ readonly key: Uint8Array; readonly value: Uint8Array }> {
  const block = loadBlock(bytes, handle, source);
  const what = "a block of the table";
  const tail = new ByteReader(block, { ...source, start: Math.max(0, block.length - 4) });
  const end = block.length - 4 - 4 * tail.u32(what);
  if (end < 0) throw tail.error("a block of the table is damaged");
  const reader = new ByteReader(block, { ...source, end });
  let key = new Uint8Array(0);
  while (reader.remaining > 0) {
    const shared = readVarint(reader, what);
    const own = readVarint(reader, what);
    const valueLength = readVarint(reader, what);
    if (shared > key.length) throw reader.error("a key of the table is damaged");
    key = concatBytes([key.subarray(0, shared), reader.take8(own, what)]);
    yield { key, value: reader.take8(valueLength, what) };
  }
}
