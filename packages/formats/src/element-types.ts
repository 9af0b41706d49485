/**
 * What array formats share: typed arrays by element type, byte order, half precision, and the change between
 * row-major and column-major order. Renograde runs on little-endian machines only, as Node and browsers do.
 *
 * @module
 */
import { ShapeError } from "@renograde/core";

/** Arrays that hold numbers. */
export type NumberArray =
  | Uint8Array
  | Int8Array
  | Uint16Array
  | Int16Array
  | Uint32Array
  | Int32Array
  | Float32Array
  | Float64Array;

/** Arrays that hold 64-bit integers. */
export type BigIntArray = BigInt64Array | BigUint64Array;

/** Any typed array the readers give. */
export type NumericArray = NumberArray | BigIntArray;

/** Constructor of a typed array. */
export interface NumericArrayConstructor<A extends NumericArray = NumericArray> {
  readonly name: string;
  readonly BYTES_PER_ELEMENT: number;
  new (length: number): A;
  new (buffer: ArrayBufferLike, byteOffset: number, length: number): A;
}

/** Number of elements of a shape; 1 for the empty shape. */
export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** Throws {@link ShapeError} unless `length` elements are what `shape` says, every size a whole number >= 0. */
export function assertShape(name: string, shape: readonly number[], length: number): void {
  if (shape.some((size) => !Number.isInteger(size) || size < 0) || elementCount(shape) !== length) {
    throw new ShapeError(`${name}: shape [${shape.join(", ")}] does not fit ${length} elements`);
  }
}

/** The bytes of a typed array, without copying. */
export function bytesOf(data: NumericArray): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

/** Reads `bytes` as elements: a view where the alignment allows it, else a copy. `bytes` is a whole number of elements. */
export function viewAs<A extends NumericArray>(type: NumericArrayConstructor<A>, bytes: Uint8Array): A {
  const size = type.BYTES_PER_ELEMENT;
  // Not slice(): that of Node's Buffer is a view.
  const aligned = bytes.byteOffset % size === 0 ? bytes : new Uint8Array(bytes);
  return new type(aligned.buffer, aligned.byteOffset, aligned.byteLength / size);
}

/** A copy of `bytes` with each group of `size` bytes reversed. */
export function swapBytes(bytes: Uint8Array, size: number): Uint8Array {
  const result = new Uint8Array(bytes.length);
  for (let start = 0; start < bytes.length; start += size) {
    for (let i = 0; i < size; i++) result[start + i] = bytes[start + size - 1 - i]!;
  }
  return result;
}

/** The number an IEEE half-precision bit pattern stands for. */
export function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** Nearest IEEE half-precision bit pattern, ties to even; overflow gives infinity. */
export function numberToHalf(value: number): number {
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  if (Number.isNaN(value)) return 0x7e00;
  const magnitude = Math.abs(value);
  if (magnitude >= 65520) return sign | 0x7c00;
  const exponent = Math.max(-14, Math.floor(Math.log2(magnitude)));
  // Units of the last place; a mantissa that rounds up to 2048 carries into the exponent by itself.
  const units = roundHalfEven(magnitude * 2 ** (10 - exponent));
  return sign | (exponent === -14 ? units : ((exponent + 14) << 10) + units);
}

/** bfloat16 bit pattern to number. */
export function bfloat16ToNumber(bits: number): number {
  const view = new DataView(new ArrayBuffer(4));
  view.setUint32(0, bits << 16);
  return view.getFloat32(0);
}

/** Rounds to the nearest whole number, halves to the even one. */
function roundHalfEven(value: number): number {
  const low = Math.floor(value);
  const rest = value - low;
  return rest > 0.5 || (rest === 0.5 && low % 2 === 1) ? low + 1 : low;
}

/**
 * Column-major (Fortran, MATLAB) to row-major order. Give the reversed shape to go the other way.
 *
 * @param data - elements with the first index running fastest
 * @returns a new array with the last index running fastest
 */
export function columnToRowMajor<A extends NumericArray>(data: A, shape: readonly number[]): A {
  const result = data.slice() as A;
  if (shape.length < 2 || data.length === 0) return result;
  const source: ArrayLike<number | bigint> = data;
  const target: { [index: number]: number | bigint } = result;
  if (shape.length === 2) transpose(source, target, shape[0]!, shape[1]!);
  else reorder(source, target, shape);
  return result;
}

/** Two axes, in squares small enough for the processor's cache. */
function transpose(
  source: ArrayLike<number | bigint>,
  target: { [index: number]: number | bigint },
  rows: number,
  columns: number,
): void {
  const side = 32;
  for (let top = 0; top < rows; top += side) {
    const bottom = Math.min(top + side, rows);
    for (let left = 0; left < columns; left += side) {
      const right = Math.min(left + side, columns);
      for (let row = top; row < bottom; row++) {
        for (let column = left; column < right; column++) {
          target[row * columns + column] = source[column * rows + row]!;
        }
      }
    }
  }
}

/** Any number of axes, by counting through the indices with the last one fastest. */
function reorder(
  source: ArrayLike<number | bigint>,
  target: { [index: number]: number | bigint },
  shape: readonly number[],
): void {
  const rank = shape.length;
  const strides = shape.map((_, axis) => elementCount(shape.slice(0, axis)));
  const index = new Array<number>(rank).fill(0);
  let from = 0;
  for (let to = 0; to < source.length; to++) {
    target[to] = source[from]!;
    for (let axis = rank - 1; axis >= 0; axis--) {
      index[axis]!++;
      from += strides[axis]!;
      if (index[axis]! < shape[axis]!) break;
      from -= strides[axis]! * shape[axis]!;
      index[axis] = 0;
    }
  }
}
