/**
 * Files of weights by other programs, whatever their format: tensors by name, read when asked for.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { open } from "node:fs/promises";
import { basename } from "node:path";
import { FileFormatError } from "@renograde/core";
import {
  bfloat16ToNumber,
  bundleDataPath,
  decodeBundleTensor,
  halfToNumber,
  type NumericArray,
  parseBundleIndex,
  parseNpz,
  parseSafetensors,
  parseTorch,
  type TorchTensor,
  type TorchValue,
  torchTensors,
} from "@renograde/formats";
import { readFileBytes, toFileAccessError } from "@renograde/slides/node";

/** A tensor of a file. */
export interface ForeignTensor {
  readonly shape: readonly number[];
  /** Values as float32, or float64 where the file has them. */
  read(): Promise<Float32Array | Float64Array>;
}

/** A file of weights. */
export interface ForeignWeights {
  readonly path: string;
  readonly format: "PyTorch" | "safetensors" | "npz" | "TensorFlow checkpoint";
  /** SHA-256 of the file; of the index, which holds a checksum of every tensor, for a TensorFlow checkpoint. */
  readonly sha256: string;
  readonly tensors: ReadonlyMap<string, ForeignTensor>;
  /** What a safetensors file says beside its tensors. */
  readonly metadata?: ReadonlyMap<string, string>;
}

const BUNDLE_FILE = /\.(?:index|meta|data-\d{5}-of-\d{5})$/;
/** Keys under which training programs keep the network's dictionary, in the order they are tried. */
const STATE_KEYS = ["desc", "state_dict", "model_state_dict", "model", "net"];
/** What PyTorch's data-parallel wrapper puts before every name. */
const WRAPPER = "module.";

/**
 * Reads a file of weights: `.pth`/`.pt`/`.tar` of PyTorch, safetensors, `.npz`, or a TensorFlow checkpoint, given by
 * its prefix or any of its files. The format is told from the content.
 *
 * In a PyTorch file that holds more than weights the dictionary under `desc` (HoVer-Net), `state_dict`, `model_state_dict`,
 * `model` or `net` is taken, and a common `module.` before its names is dropped.
 *
 * @throws FileAccessError when there is none; FileFormatError when it is damaged or of another kind
 */
export async function readWeights(path: string): Promise<ForeignWeights> {
  const prefix = path.replace(BUNDLE_FILE, "");
  if (prefix !== path || (!existsSync(path) && existsSync(`${prefix}.index`))) return readBundle(prefix);
  const bytes = await readFileBytes(path);
  const common = { path, sha256: createHash("sha256").update(bytes).digest("hex") };
  if (!isSafetensors(bytes)) {
    if (isNpz(bytes)) return { ...common, format: "npz", tensors: readNpz(bytes, path) };
    if (bytes[0] === 0x50 || (bytes[0] === 0x80 && bytes[1] === 2)) {
      const tensors = pickDictionary(parseTorch(bytes, path), path);
      return { ...common, format: "PyTorch", tensors };
    }
    throw new FileFormatError(
      path,
      "weights",
      "is no file of weights that is known; give PyTorch's .pth, safetensors, .npz or a TensorFlow checkpoint",
    );
  }
  const { tensors, metadata } = parseSafetensors(bytes, path);
  return {
    ...common,
    format: "safetensors",
    metadata,
    tensors: mapTensors(tensors, ({ dtype, shape, data }) => ({
      shape,
      read: async () => toFloat(data, dtype),
    })),
  };
}

function mapTensors<T>(
  source: ReadonlyMap<string, T>,
  convert: (tensor: T) => ForeignTensor,
): Map<string, ForeignTensor> {
  return new Map([...source].map(([name, tensor]) => [name, convert(tensor)]));
}

/** Only the half precisions are held as bit patterns. */
function toFloat(data: NumericArray, dtype: string): Float32Array | Float64Array {
  if (data instanceof Float32Array || data instanceof Float64Array) return data;
  const widen = dtype === "F16" ? halfToNumber : dtype === "BF16" ? bfloat16ToNumber : Number;
  const result = new Float32Array(data.length);
  for (let i = 0; i < data.length; i++) result[i] = widen(Number(data[i]!));
  return result;
}

/**
 * Behind its length, eight bytes of which the last are 0, the header is a JSON object. The first byte tells nothing: a
 * length may begin like a zip archive.
 */
function isSafetensors(bytes: Uint8Array): boolean {
  return bytes[6] === 0 && bytes[7] === 0 && bytes[8] === 0x7b;
}

/** A zip archive whose first file is a `.npy`. */
function isNpz(bytes: Uint8Array): boolean {
  if (bytes[0] !== 0x50 || bytes.length < 30) return false;
  const length = bytes[26]! | (bytes[27]! << 8);
  return new TextDecoder().decode(bytes.subarray(30, 30 + length)).endsWith(".npy");
}

function readNpz(bytes: Uint8Array, path: string): Map<string, ForeignTensor> {
  return mapTensors(parseNpz(bytes, path), ({ dtype, shape, data }) => ({
    shape,
    read: async () => toFloat(data, dtype),
  }));
}

function pickDictionary(root: TorchValue, path: string): Map<string, ForeignTensor> {
  let tensors: ReadonlyMap<string, TorchTensor> | undefined;
  if (root instanceof Map) {
    const dictionary: ReadonlyMap<string, TorchValue> = root;
    const key = STATE_KEYS.find((name) => dictionary.get(name) instanceof Map);
    tensors = torchTensors(key === undefined ? root : dictionary.get(key)!);
  }
  if (tensors === undefined || tensors.size === 0) {
    throw new FileFormatError(
      path,
      "PyTorch",
      "holds no dictionary of tensors; save the network's state_dict",
    );
  }
  const wrapped = [...tensors.keys()].every((name) => name.startsWith(WRAPPER));
  const named = [...tensors].map(([name, tensor]): [string, ForeignTensor] => [
    wrapped ? name.slice(WRAPPER.length) : name,
    { shape: tensor.shape, read: async () => toFloat(tensor.read(), tensor.dtype) },
  ]);
  return new Map(named);
}

async function readBundle(prefix: string): Promise<ForeignWeights> {
  const indexPath = `${prefix}.index`;
  const bytes = await readFileBytes(indexPath);
  const { shards, entries } = parseBundleIndex(bytes, indexPath);
  const tensors = new Map<string, ForeignTensor>();
  for (const [name, entry] of entries) {
    const path = bundleDataPath(prefix, entry.shard, shards);
    const read = async () => {
      const data = await readRange(path, entry.offset, entry.size);
      return toFloat(decodeBundleTensor(entry, data, { path, name }), entry.dtype ?? "");
    };
    tensors.set(name, { shape: entry.shape, read });
  }
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  return { path: prefix, format: "TensorFlow checkpoint", sha256, tensors };
}

/** At most `length` bytes of a file from `offset` on; fewer where it ends. */
async function readRange(path: string, offset: number, length: number): Promise<Uint8Array> {
  try {
    const file = await open(path);
    try {
      const { size } = await file.stat();
      const buffer = new Uint8Array(Math.max(0, Math.min(length, size - offset)));
      const { bytesRead } = await file.read(buffer, 0, buffer.length, offset);
      return buffer.subarray(0, bytesRead);
    } finally {
      await file.close();
    }
  } catch (cause) {
    throw toFileAccessError(path, cause);
  }
}

/** What is recorded of a file that gave weights. */
export interface WeightsRecord {
  /** Name without folders. */
  readonly file: string;
  readonly format: ForeignWeights["format"];
  readonly sha256: string;
}

/** The record of a file. */
export function recordOf(weights: ForeignWeights): WeightsRecord {
  return { file: basename(weights.path), format: weights.format, sha256: weights.sha256 };
}
