/**
 * Typed arrays of equal bytes are equal: Vitest's own comparison takes microseconds per element, and only it explains a
 * difference.
 *
 * @module
 */
import { expect } from "vitest";

function bytesOf(array: ArrayBufferView): Buffer {
  return Buffer.from(array.buffer as ArrayBuffer, array.byteOffset, array.byteLength);
}

function equalArrays(a: unknown, b: unknown): boolean | undefined {
  if (!ArrayBuffer.isView(a) || !ArrayBuffer.isView(b) || a.constructor !== b.constructor) return undefined;
  return bytesOf(a).equals(bytesOf(b)) ? true : undefined;
}

expect.addEqualityTesters([equalArrays]);
