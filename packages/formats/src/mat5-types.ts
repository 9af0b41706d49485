/**
 * What MATLAB v5 files hold, and the numbers the format gives its types ("MAT-File Format", MathWorks, tables 1-1
 * and 1-3).
 *
 * @module
 */
import type { NumericArray, NumericArrayConstructor } from "./element-types.js";

/** MATLAB's numeric classes. */
export type Mat5Class =
  | "double"
  | "single"
  | "int8"
  | "uint8"
  | "int16"
  | "uint16"
  | "int32"
  | "uint32"
  | "int64"
  | "uint64";

/** A numeric or logical array; `data` is row-major, of the typed array that fits the class. */
export interface Mat5Numeric {
  readonly kind: "numeric";
  readonly class: Mat5Class;
  /** Two or more sizes. */
  readonly shape: readonly number[];
  readonly data: NumericArray;
  /** Written as `logical`; the class is then uint8. Default false. */
  readonly logical?: boolean;
  /** Imaginary parts, where the array is complex. */
  readonly imaginary?: NumericArray;
}

/** A character array, one string per row, each padded with spaces to the same length. */
export interface Mat5Char {
  readonly kind: "char";
  readonly rows: readonly string[];
}

/** A cell array; `cells` are row-major. */
export interface Mat5Cell {
  readonly kind: "cell";
  readonly shape: readonly number[];
  readonly cells: readonly Mat5Value[];
}

/** A struct array; `elements` are row-major, each with every field. */
export interface Mat5Struct {
  readonly kind: "struct";
  readonly shape: readonly number[];
  readonly elements: readonly ReadonlyMap<string, Mat5Value>[];
}

/** Something only MATLAB itself understands: objects, function handles, sparse arrays. Its content is not read. */
export interface Mat5Opaque {
  readonly kind: "opaque";
  readonly class: string;
}

/** Any variable of a file. */
export type Mat5Value = Mat5Numeric | Mat5Char | Mat5Cell | Mat5Struct | Mat5Opaque;

/** Name of the format in errors. */
export const MAT5_FORMAT = "MATLAB v5";

/** Data type (`mi…`) of elements of signed bytes: names of variables and fields. */
export const MI_INT8 = 1;
/** Data type of unsigned 16-bit numbers, also used for characters. */
export const MI_UINT16 = 4;
/** Data type of signed 32-bit numbers: sizes of arrays, lengths of field names. */
export const MI_INT32 = 5;
/** Data type of unsigned 32-bit numbers: array flags. */
export const MI_UINT32 = 6;
/** Data type of an array: flags, sizes, name and values as elements of their own. */
export const MI_MATRIX = 14;
/** Data type of another element compressed with zlib. */
export const MI_COMPRESSED = 15;
/** Data type of characters in UTF-8. */
export const MI_UTF8 = 16;
/** Data type of characters in UTF-16. */
export const MI_UTF16 = 17;
/** Data type of characters in UTF-32. */
export const MI_UTF32 = 18;

/** Array class (`mx…`) of cell arrays. */
export const MX_CELL = 1;
/** Array class of structs. */
export const MX_STRUCT = 2;
/** Array class of characters. */
export const MX_CHAR = 4;
/** Array classes whose content is not read, with the name messages give them. */
export const MX_OPAQUE_NAMES: Readonly<Record<number, string>> = {
  3: "object",
  5: "sparse",
  16: "function handle",
  17: "object",
};

/** Typed array of each numeric data type. */
export const MI_ARRAYS: Readonly<Record<number, NumericArrayConstructor>> = {
  1: Int8Array,
  2: Uint8Array,
  3: Int16Array,
  4: Uint16Array,
  5: Int32Array,
  6: Uint32Array,
  7: Float32Array,
  9: Float64Array,
  12: BigInt64Array,
  13: BigUint64Array,
};

/** Numeric classes: number of the class, typed array, and the data type it is written as. */
export const MX_NUMERIC: readonly {
  readonly id: number;
  readonly name: Mat5Class;
  readonly array: NumericArrayConstructor;
  readonly dataType: number;
}[] = [
  { id: 6, name: "double", array: Float64Array, dataType: 9 },
  { id: 7, name: "single", array: Float32Array, dataType: 7 },
  { id: 8, name: "int8", array: Int8Array, dataType: 1 },
  { id: 9, name: "uint8", array: Uint8Array, dataType: 2 },
  { id: 10, name: "int16", array: Int16Array, dataType: 3 },
  { id: 11, name: "uint16", array: Uint16Array, dataType: 4 },
  { id: 12, name: "int32", array: Int32Array, dataType: 5 },
  { id: 13, name: "uint32", array: Uint32Array, dataType: 6 },
  { id: 14, name: "int64", array: BigInt64Array, dataType: 12 },
  { id: 15, name: "uint64", array: BigUint64Array, dataType: 13 },
];

/** Bit of the array flags: the values are true and false. */
export const FLAG_LOGICAL = 0x0200;
/** Bit of the array flags: imaginary parts follow the real ones. */
export const FLAG_COMPLEX = 0x0800;
