/**
 * A cursor over bytes that never reads outside them: the one place where binary readers turn "the file ends here"
 * into an error with the file's name.
 *
 * @module
 */
import { FileFormatError } from "@renograde/core";

/** Reads numbers and byte ranges in order; every method throws {@link FileFormatError} past the end. */
export class ByteReader {
  readonly bytes: Uint8Array;
  readonly path: string;
  readonly format: string;
  readonly littleEndian: boolean;
  /** Next byte to be read. */
  position: number;
  /** First byte that may not be read. */
  readonly end: number;
  private readonly view: DataView;

  constructor(
    bytes: Uint8Array,
    options: { path: string; format: string; littleEndian?: boolean; start?: number; end?: number },
  ) {
    this.bytes = bytes;
    this.path = options.path;
    this.format = options.format;
    this.littleEndian = options.littleEndian ?? true;
    this.position = options.start ?? 0;
    this.end = options.end ?? bytes.length;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Bytes left to read. */
  get remaining(): number {
    return this.end - this.position;
  }

  /** The error of this file, to be thrown by the caller. */
  error(problem: string, cause?: unknown): FileFormatError {
    return new FileFormatError(this.path, this.format, problem, cause === undefined ? {} : { cause });
  }

  /** Moves past `length` bytes and returns where they began. */
  private take(length: number, what: string): number {
    if (length > this.remaining) {
      throw this.error(
        `the file ends inside ${what} (needs ${length} bytes at offset ${this.position}, ${Math.max(0, this.remaining)} are left); it is truncated or corrupt, so copy or make it again`,
      );
    }
    const start = this.position;
    this.position += length;
    return start;
  }

  /** Reads an unsigned byte. `what` names it in the error of a truncated file, here and below. */
  u8(what: string): number {
    return this.bytes[this.take(1, what)]!;
  }

  /** Reads an unsigned 16-bit number. */
  u16(what: string): number {
    return this.view.getUint16(this.take(2, what), this.littleEndian);
  }

  /** Reads an unsigned 32-bit number. */
  u32(what: string): number {
    return this.view.getUint32(this.take(4, what), this.littleEndian);
  }

  /** Reads a signed 32-bit number. */
  i32(what: string): number {
    return this.view.getInt32(this.take(4, what), this.littleEndian);
  }

  /** An unsigned 64-bit number, which must be below 2^53. */
  u64(what: string): number {
    const value = this.view.getBigUint64(this.take(8, what), this.littleEndian);
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) {
      throw this.error(`${what} is ${value}, which is impossible; the file is corrupt`);
    }
    return Number(value);
  }

  /** The next `length` bytes, as a view without copying. */
  take8(length: number, what: string): Uint8Array {
    const start = this.take(length, what);
    return this.bytes.subarray(start, start + length);
  }
}

/** Joins byte arrays. */
export function concatBytes(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const result = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    result.set(part, offset);
    offset += part.length;
  }
  return result;
}
