/**
 * Event files of TensorBoard: scalars and pictures by step. A file is a sequence of TFRecords (length, masked
 * CRC-32C of the length, data, masked CRC-32C of the data; little-endian), each a Protocol Buffers message `Event`.
 * Format: github.com/tensorflow/tensorboard, compat/proto/{event,summary}.proto and summary/writer/record_writer.py.
 *
 * @module
 */
import { BinaryReader, BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { ByteReader } from "./byte-reader.js";
import { crc32c, maskCrc32c } from "./checksums.js";

const FORMAT = "TensorBoard events";
/** What the first event of a file says about those that follow. */
const FILE_VERSION = "brain.Event:2";
/** `SessionLog.SessionStatus.START` */
const START = 1;

/** A number or a picture under a tag; tags with slashes are grouped by their first part. */
export type TfSummaryValue =
  | { readonly tag: string /** Stored as float32. */; readonly scalar: number }
  | {
      readonly tag: string;
      /** `encoded`: bytes of a PNG or JPEG file. */
      readonly image: { readonly width: number; readonly height: number; readonly encoded: Uint8Array };
    };

/** One event. */
export interface TfEvent {
  /** Seconds since 1970. */
  readonly wallTime: number;
  /** Training step. */
  readonly step: number;
  /**
   * `version` opens a file. `start` opens a session: TensorBoard forgets what it read of this step and later ones
   * before. `values` belong to the step. `other` is anything else, for instance a graph; it is never written.
   */
  readonly content:
    | { readonly kind: "version"; readonly version: string }
    | { readonly kind: "start" }
    | { readonly kind: "values"; readonly values: readonly TfSummaryValue[] }
    | { readonly kind: "other" };
}

/** The event a file opens with. */
export function tfVersionEvent(wallTime: number): TfEvent {
  return { wallTime, step: 0, content: { kind: "version", version: FILE_VERSION } };
}

function encodeValue(value: TfSummaryValue): Uint8Array {
  const writer = new BinaryWriter().tag(1, WireType.LengthDelimited).string(value.tag);
  if ("scalar" in value) return writer.tag(2, WireType.Bit32).float(value.scalar).finish();
  const { width, height, encoded } = value.image;
  const image = new BinaryWriter();
  image.tag(1, WireType.Varint).int32(height).tag(2, WireType.Varint).int32(width);
  // Colour space 3 is RGB.
  image.tag(3, WireType.Varint).int32(3).tag(4, WireType.LengthDelimited).bytes(encoded);
  return writer.tag(4, WireType.LengthDelimited).bytes(image.finish()).finish();
}

function encodeMessage({ wallTime, step, content }: TfEvent): Uint8Array {
  const writer = new BinaryWriter();
  // Numbers that are 0 are not stored.
  if (wallTime !== 0) writer.tag(1, WireType.Bit64).double(wallTime);
  if (step !== 0) writer.tag(2, WireType.Varint).int64(step);
  if (content.kind === "version") writer.tag(3, WireType.LengthDelimited).string(content.version);
  if (content.kind === "values") {
    const summary = new BinaryWriter();
    for (const value of content.values) summary.tag(1, WireType.LengthDelimited).bytes(encodeValue(value));
    writer.tag(5, WireType.LengthDelimited).bytes(summary.finish());
  }
  if (content.kind === "start") {
    const log = new BinaryWriter().tag(1, WireType.Varint).int32(START);
    writer.tag(7, WireType.LengthDelimited).bytes(log.finish());
  }
  return writer.finish();
}

/** The bytes of one event, to be appended to a file that begins with {@link tfVersionEvent}. */
export function encodeTfEvent(event: TfEvent): Uint8Array {
  const data = encodeMessage(event);
  const record = new Uint8Array(data.length + 16);
  const view = new DataView(record.buffer);
  view.setBigUint64(0, BigInt(data.length), true);
  view.setUint32(8, maskCrc32c(crc32c(record.subarray(0, 8))), true);
  record.set(data, 12);
  view.setUint32(12 + data.length, maskCrc32c(crc32c(data)), true);
  return record;
}

/** Calls `visit` with each field of a message; what it does not read is skipped. */
function readFields(bytes: Uint8Array, visit: (field: number, reader: BinaryReader) => boolean): void {
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    if (!visit(field, reader)) reader.skip(type, field);
  }
}

function decodeImage(bytes: Uint8Array): { width: number; height: number; encoded: Uint8Array } {
  const image = { width: 0, height: 0, encoded: new Uint8Array(0) as Uint8Array };
  readFields(bytes, (field, reader) => {
    if (field === 1) image.height = reader.int32();
    else if (field === 2) image.width = reader.int32();
    else if (field === 4) image.encoded = reader.bytes();
    else return false;
    return true;
  });
  return image;
}

/** Null for kinds of values other than those of {@link TfSummaryValue}. */
function decodeValue(bytes: Uint8Array): TfSummaryValue | null {
  let tag = "";
  let value: { scalar: number } | { image: ReturnType<typeof decodeImage> } | null = null;
  readFields(bytes, (field, reader) => {
    if (field === 1) tag = reader.string();
    else if (field === 2) value = { scalar: reader.float() };
    else if (field === 4) value = { image: decodeImage(reader.bytes()) };
    else return false;
    return true;
  });
  return value === null ? null : Object.assign({ tag }, value);
}

function decodeMessage(bytes: Uint8Array): TfEvent {
  let wallTime = 0;
  let step = 0;
  let content: TfEvent["content"] = { kind: "other" };
  readFields(bytes, (field, reader) => {
    if (field === 1) wallTime = reader.double();
    else if (field === 2) step = Number(reader.int64());
    else if (field === 3) content = { kind: "version", version: reader.string() };
    else if (field === 5) {
      const values: TfSummaryValue[] = [];
      readFields(reader.bytes(), (inner, summary) => {
        if (inner !== 1) return false;
        const value = decodeValue(summary.bytes());
        if (value !== null) values.push(value);
        return true;
      });
      content = { kind: "values", values };
    } else if (field === 7) {
      readFields(reader.bytes(), (inner, log) => {
        if (inner !== 1) return false;
        if (log.int32() === START) content = { kind: "start" };
        return true;
      });
    } else return false;
    return true;
  });
  return { wallTime, step, content };
}

/**
 * Reads an event file. A last record that was cut off, as by a kill while it was written, is left out.
 *
 * @param path - for errors
 * @throws FileFormatError when a checksum or a message is wrong
 */
export function parseTfEvents(bytes: Uint8Array, path: string): TfEvent[] {
  const reader = new ByteReader(bytes, { path, format: FORMAT });
  const what = "a record";
  const damaged = (at: number, cause?: unknown) =>
    reader.error(`the record at byte ${at} is damaged; copy the file again`, cause);
  const events: TfEvent[] = [];
  while (reader.remaining >= 12) {
    const at = reader.position;
    const length = reader.u64(what);
    if (reader.u32(what) !== maskCrc32c(crc32c(bytes.subarray(at, at + 8)))) throw damaged(at);
    if (reader.remaining < length + 4) break;
    const data = reader.take8(length, what);
    if (reader.u32(what) !== maskCrc32c(crc32c(data))) throw damaged(at);
    try {
      events.push(decodeMessage(data));
    } catch (cause) {
      throw damaged(at, cause);
    }
  }
  return events;
}
