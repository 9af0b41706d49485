/**
 * The tags of a TIFF file's first page and the number of its pages, read without decoding pixels; at the same
 * time a check that every directory and every strip or tile lies inside the file. Classic and BigTIFF, both byte orders.
 *
 * @module
 */
import { FileFormatError } from "@renograde/core";

/** What {@link parseTiffHeader} finds. */
export interface TiffHeader {
  /** Values of the first page's tags, by tag number: text, or numbers (rationals divided out). */
  readonly tags: ReadonlyMap<number, string | readonly number[]>;
  /** Directories in the file's main chain. */
  readonly pages: number;
}

/** Bytes of one value of each TIFF field type, by type number; 0 = unknown. */
const TYPE_BYTES = [0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4, 0, 0, 8, 8, 8];

/** Tags that say where a page's strips or tiles lie, with the tag of their lengths. */
const EXTENT_TAGS: ReadonlyMap<number, number> = new Map([
  [273, 279],
  [324, 325],
]);

const EXTENT_NUMBERS: ReadonlySet<number> = new Set([...EXTENT_TAGS].flat());

/** Tags longer than this (tile offsets, colour profiles) are not unpacked. */
const LONGEST_VALUE = 1 << 20;

/**
 * Reads the header of a TIFF file.
 *
 * @param bytes the whole file
 * @param path named in errors
 * @throws FileFormatError when it is no TIFF, or something lies outside the file (truncated)
 */
export function parseTiffHeader(bytes: Uint8Array, path: string): TiffHeader {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const truncated = (): FileFormatError =>
    new FileFormatError(
      path,
      "TIFF",
      `the TIFF file is truncated after ${bytes.length} bytes; copy it again`,
    );
  const need = (offset: number, length: number): void => {
    if (offset + length > bytes.length) throw truncated();
  };
  need(0, 8);
  const little = bytes[0] === 0x49;
  const big = view.getUint16(2, little) === 43;
  const offsetAt = (at: number): number => {
    need(at, big ? 8 : 4);
    return big ? Number(view.getBigUint64(at, little)) : view.getUint32(at, little);
  };
  const entryBytes = big ? 20 : 12;
  let directory = offsetAt(big ? 8 : 4);
  let tags: ReadonlyMap<number, string | readonly number[]> | undefined;
  const seen = new Set<number>();
  while (directory !== 0 && !seen.has(directory)) {
    seen.add(directory);
    need(directory, big ? 8 : 2);
    const count = big ? Number(view.getBigUint64(directory, little)) : view.getUint16(directory, little);
    const start = directory + (big ? 8 : 2);
    need(start, count * entryBytes);
    const page = new Map<number, string | readonly number[]>();
    for (let i = 0; i < count; i++) {
      const at = start + i * entryBytes;
      const type = view.getUint16(at + 2, little);
      const values = big ? Number(view.getBigUint64(at + 4, little)) : view.getUint32(at + 4, little);
      const length = values * (TYPE_BYTES[type] ?? 0);
      const inline = at + (big ? 12 : 8);
      const from = length <= (big ? 8 : 4) ? inline : offsetAt(inline);
      need(from, length);
      const tag = view.getUint16(at, little);
      const wanted = tags === undefined ? length <= LONGEST_VALUE : EXTENT_NUMBERS.has(tag);
      if (length > 0 && wanted) page.set(tag, readValue(view, from, type, values, little));
    }
    for (const [offsetTag, lengthTag] of EXTENT_TAGS) {
      const offsets = page.get(offsetTag);
      const lengths = page.get(lengthTag);
      if (typeof offsets !== "object" || typeof lengths !== "object") continue;
      for (const [i, offset] of offsets.entries()) need(offset, lengths[i] ?? 0);
    }
    tags ??= page;
    directory = offsetAt(start + count * entryBytes);
  }
  if (tags === undefined) throw new FileFormatError(path, "TIFF", "the TIFF file holds no image");
  return { tags, pages: seen.size };
}

function readValue(
  view: DataView,
  at: number,
  type: number,
  count: number,
  little: boolean,
): string | readonly number[] {
  if (type === 2) {
    let text = "";
    for (let i = 0; i < count && view.getUint8(at + i) !== 0; i++) {
      text += String.fromCharCode(view.getUint8(at + i));
    }
    return text;
  }
  const size = TYPE_BYTES[type]!;
  const values: number[] = [];
  for (let i = 0; i < count; i++) {
    const p = at + i * size;
    if (type === 5) values.push(view.getUint32(p, little) / view.getUint32(p + 4, little));
    else if (type === 10) values.push(view.getInt32(p, little) / view.getInt32(p + 4, little));
    else if (type === 11) values.push(view.getFloat32(p, little));
    else if (type === 12) values.push(view.getFloat64(p, little));
    else if (size === 1) values.push(view.getUint8(p));
    else if (size === 2) values.push(view.getUint16(p, little));
    else if (size === 4) values.push(view.getUint32(p, little));
    else values.push(Number(view.getBigUint64(p, little)));
  }
  return values;
}
