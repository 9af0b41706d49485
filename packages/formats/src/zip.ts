/**
 * Zip archives of moderate size (below 4 GiB, Zip64 only where NumPy and PyTorch write it without need), stored or deflated;
 * the basis of `.npz` and of PyTorch's `.pth`. PKWARE APPNOTE 6.3, sections 4.3 and 4.5.3.
 *
 * @module
 */
import { DataError } from "@renograde/core";
import { deflateSync, inflateSync } from "fflate";
import { ByteReader, concatBytes } from "./byte-reader.js";
import { crc32 } from "./checksums.js";
import { decodeUtf8 } from "./text.js";

const FORMAT = "zip";
const LOCAL_HEADER = 0x04034b50;
const CENTRAL_HEADER = 0x02014b50;
const END_RECORD = 0x06054b50;
const END_RECORD_SIZE = 22;
const ZIP64_LOCATOR = 0x07064b50;
const ZIP64_LOCATOR_SIZE = 20;
const ZIP64_RECORD = 0x06064b50;
const STORED = 0;
const DEFLATED = 8;
/** Deflate cannot expand by more than this. */
const MAX_EXPANSION = 1032;
/** 1980-01-01, the first day zip knows: archives do not depend on when they are written. */
const DOS_DATE = 0x0021;
/** File names are UTF-8. */
const UTF8_FLAG = 0x0800;

/**
 * Lists an archive. Each entry comes with a function that extracts it: a view of `bytes` when stored, new memory
 * when deflated.
 *
 * @throws FileFormatError for damaged archives; the extracting functions throw it too, also for a wrong checksum
 */
export function parseZip(bytes: Uint8Array, path = "<bytes>"): Map<string, () => Uint8Array> {
  const reader = new ByteReader(bytes, { path, format: FORMAT });
  const { count, offset } = findDirectory(reader);
  reader.position = offset;
  const entries = new Map<string, () => Uint8Array>();
  for (let i = 0; i < count; i++) {
    const entry = readDirectoryEntry(reader);
    if (entries.has(entry.name)) throw reader.error(`holds '${entry.name}' twice; it is corrupt`);
    entries.set(entry.name, () => extract(bytes, entry, path));
  }
  return entries;
}

interface DirectoryEntry {
  readonly name: string;
  readonly flags: number;
  readonly method: number;
  readonly crc: number;
  readonly compressedSize: number;
  readonly size: number;
  readonly offset: number;
}

/** The end record lies behind everything but a comment of at most 65535 bytes. */
function findDirectory(reader: ByteReader): { count: number; offset: number } {
  const last = reader.bytes.length - END_RECORD_SIZE;
  for (let start = last; start >= Math.max(0, last - 65535); start--) {
    reader.position = start;
    if (reader.u32("the end record") !== END_RECORD) continue;
    reader.position = start + 10;
    const count = reader.u16("the end record");
    const size = reader.u32("the end record");
    const offset = reader.u32("the end record");
    const comment = reader.u16("the end record");
    if (reader.remaining !== comment) continue;
    const wide = findZip64Directory(reader, start);
    if (wide !== null) return wide;
    if (offset + size !== start) break;
    return { count, offset };
  }
  throw reader.error("not a whole zip archive (its directory was not found); it is truncated or corrupt");
}

/** The Zip64 end record, which stands with its locator between the directory and the end record at `end`. */
function findZip64Directory(reader: ByteReader, end: number): { count: number; offset: number } | null {
  if (end < ZIP64_LOCATOR_SIZE) return null;
  const what = "the Zip64 end record";
  reader.position = end - ZIP64_LOCATOR_SIZE;
  if (reader.u32(what) !== ZIP64_LOCATOR) return null;
  reader.take8(4, what);
  const start = Math.min(reader.u64(what), reader.bytes.length);
  reader.position = start;
  if (reader.u32(what) !== ZIP64_RECORD) throw reader.error("its Zip64 end record is missing; it is corrupt");
  reader.take8(28, what);
  const count = reader.u64(what);
  const size = reader.u64(what);
  const offset = reader.u64(what);
  if (offset + size !== start) throw reader.error("its Zip64 end record is wrong; it is corrupt");
  return { count, offset };
}

function readDirectoryEntry(reader: ByteReader): DirectoryEntry {
  const what = "the zip directory";
  if (reader.u32(what) !== CENTRAL_HEADER) throw reader.error("its zip directory is corrupt");
  reader.take8(4, what);
  const flags = reader.u16(what);
  const method = reader.u16(what);
  reader.take8(4, what);
  const crc = reader.u32(what);
  let compressedSize = reader.u32(what);
  let size = reader.u32(what);
  const nameLength = reader.u16(what);
  const extraLength = reader.u16(what);
  const commentLength = reader.u16(what);
  reader.take8(8, what);
  let offset = reader.u32(what);
  const name = decodeUtf8(reader.take8(nameLength, what), reader.path, FORMAT);
  const extra = new ByteReader(reader.take8(extraLength, what), { path: reader.path, format: FORMAT });
  while (extra.remaining >= 4) {
    const id = extra.u16(what);
    const field = new ByteReader(extra.take8(extra.u16(what), what), { path: reader.path, format: FORMAT });
    if (id !== 1) continue;
    if (size === 0xffffffff) size = field.u64(what);
    if (compressedSize === 0xffffffff) compressedSize = field.u64(what);
    if (offset === 0xffffffff) offset = field.u64(what);
  }
  reader.take8(commentLength, what);
  return { name, flags, method, crc, compressedSize, size, offset };
}

function extract(bytes: Uint8Array, entry: DirectoryEntry, path: string): Uint8Array {
  const reader = new ByteReader(bytes, { path, format: FORMAT, start: Math.min(entry.offset, bytes.length) });
  const what = `'${entry.name}'`;
  if (reader.u32(what) !== LOCAL_HEADER) throw reader.error(`${what} is not where the zip directory says`);
  reader.take8(22, what);
  const nameLength = reader.u16(what);
  const extraLength = reader.u16(what);
  reader.take8(nameLength + extraLength, what);
  const packed = reader.take8(entry.compressedSize, what);
  if (entry.flags & 1) throw reader.error(`${what} is encrypted, which is not supported`);
  if (entry.method !== STORED && entry.method !== DEFLATED) {
    throw reader.error(
      `${what} is compressed by method ${entry.method}; only stored and deflated are supported`,
    );
  }
  if (entry.size > (entry.method === STORED ? packed.length : packed.length * MAX_EXPANSION)) {
    throw reader.error(`${what} cannot have the ${entry.size} bytes the zip directory says; it is corrupt`);
  }
  let data = packed;
  if (entry.method === DEFLATED) {
    try {
      data = inflateSync(packed, { out: new Uint8Array(entry.size) });
    } catch (cause) {
      throw reader.error(`${what} cannot be decompressed; it is corrupt`, cause);
    }
  }
  if (data.length !== entry.size || crc32(data) !== entry.crc) {
    throw reader.error(`${what} has the wrong size or checksum; the archive is corrupt`);
  }
  return data;
}

/**
 * Writes an archive in the given order, without dates.
 *
 * @throws DataError when it would reach 4 GiB or 65535 entries
 */
export function encodeZip(
  entries: Iterable<readonly [name: string, data: Uint8Array]>,
  options: { readonly compress?: boolean } = {},
): Uint8Array<ArrayBuffer> {
  const parts: Uint8Array[] = [];
  const directory: Uint8Array[] = [];
  let offset = 0;
  for (const [name, data] of entries) {
    const nameBytes = new TextEncoder().encode(name);
    const packed = options.compress ? deflateSync(data) : data;
    if (data.length > 0xfffffffe || offset + packed.length > 0xfffffffe) {
      throw new DataError(`zip archive: '${name}' brings it to 4 GiB; write several archives`);
    }
    const common = new DataView(new ArrayBuffer(26));
    common.setUint16(0, 20, true);
    common.setUint16(2, UTF8_FLAG, true);
    common.setUint16(4, options.compress ? DEFLATED : STORED, true);
    common.setUint16(8, DOS_DATE, true);
    common.setUint32(10, crc32(data), true);
    common.setUint32(14, packed.length, true);
    common.setUint32(18, data.length, true);
    common.setUint16(22, nameBytes.length, true);
    const fields = new Uint8Array(common.buffer);
    const local = concatBytes([le32(LOCAL_HEADER), fields, nameBytes]);
    const tail = new Uint8Array(14);
    tail.set(le32(offset), 10);
    directory.push(concatBytes([le32(CENTRAL_HEADER), Uint8Array.of(20, 0), fields, tail, nameBytes]));
    parts.push(local, packed);
    offset += local.length + packed.length;
  }
  if (directory.length > 0xfffe) throw new DataError(`zip archive: ${directory.length} entries are too many`);
  const size = directory.reduce((sum, part) => sum + part.length, 0);
  const end = new DataView(new ArrayBuffer(END_RECORD_SIZE));
  end.setUint32(0, END_RECORD, true);
  end.setUint16(8, directory.length, true);
  end.setUint16(10, directory.length, true);
  end.setUint32(12, size, true);
  end.setUint32(16, offset, true);
  return concatBytes([...parts, ...directory, new Uint8Array(end.buffer)]);
}

function le32(value: number): Uint8Array {
  return Uint8Array.of(value & 255, (value >> 8) & 255, (value >> 16) & 255, value >>> 24);
}
