/**
 * Files of `torch.save` (`.pth`, `.pt`, `.tar`): the zip archive of PyTorch 1.6 and later, and the older sequence of
 * pickles and storages. Nothing is executed: tensors, storages, `OrderedDict`, plain containers, numbers and text are
 * read, anything else is refused by name (see {@link readPickle}).
 * Format: torch/serialization.py and torch/_utils.py.
 *
 * @module
 */
import { ByteReader } from "./byte-reader.js";
import { bfloat16ToNumber, halfToNumber, swapBytes } from "./element-types.js";
import { type PickleGlobal, type PickleHost, PickleTuple, readPickle } from "./pickle.js";
import { decodeUtf8, describeValue } from "./text.js";
import {
  isSize,
  isTorchTensor,
  joinNames,
  RawTensor,
  TORCH_STORAGE,
  type TorchDtype,
  type TorchStorage,
  type TorchTensor,
  type TorchValue,
  toValue,
} from "./torch-tensors.js";
import { parseZip } from "./zip.js";

export { isTorchTensor, type TorchDtype, type TorchTensor, type TorchValue } from "./torch-tensors.js";

const FORMAT = "PyTorch";
const STORAGE_TYPES: ReadonlyMap<string, TorchDtype> = new Map([
  ["DoubleStorage", "F64"],
  ["FloatStorage", "F32"],
  ["HalfStorage", "F16"],
  ["BFloat16Storage", "BF16"],
  ["LongStorage", "I64"],
  ["IntStorage", "I32"],
  ["ShortStorage", "I16"],
  ["CharStorage", "I8"],
  ["ByteStorage", "U8"],
  ["BoolStorage", "BOOL"],
]);
/** First pickle of the older format. */
const LEGACY_MAGIC = 0x1950a86a20f9469cfc6cn;
const LEGACY_PROTOCOL = 1001;
const ZIP_MAGIC = 0x50;
class StorageType {
  readonly name: string;
  readonly dtype: TorchDtype;
  constructor(name: string, dtype: TorchDtype) {
    this.name = name;
    this.dtype = dtype;
  }
}

/**
 * Parses a file.
 *
 * @returns the saved value, usually a dictionary of tensors or one that holds such dictionaries
 * @throws FileFormatError when it is truncated, damaged, or holds more than tensors and plain values
 */
export function parseTorch(bytes: Uint8Array, path = "<bytes>"): TorchValue {
  return bytes[0] === ZIP_MAGIC ? parseArchive(bytes, path) : parseLegacy(bytes, path);
}

/** Every tensor of a value by its path, keys and positions joined by dots. */
export function torchTensors(value: TorchValue): Map<string, TorchTensor> {
  const found = new Map<string, TorchTensor>();
  const walk = (node: TorchValue, name: string): void => {
    if (isTorchTensor(node)) found.set(name, node);
    else if (node instanceof Map) for (const [key, child] of node) walk(child, joinNames(name, key));
    else if (Array.isArray(node))
      for (const [i, child] of node.entries()) walk(child, joinNames(name, String(i)));
  };
  walk(value, "");
  return found;
}

/** Elements as float32: half precisions widened, other types converted. */
export function torchToFloat32(tensor: TorchTensor): Float32Array {
  const data = tensor.read();
  if (data instanceof Float32Array) return data;
  if (tensor.dtype === "F16") return Float32Array.from(data as Uint16Array, halfToNumber);
  if (tensor.dtype === "BF16") return Float32Array.from(data as Uint16Array, bfloat16ToNumber);
  const result = new Float32Array(data.length);
  for (let i = 0; i < data.length; i++) result[i] = Number(data[i]!);
  return result;
}

function parseArchive(bytes: Uint8Array, path: string): TorchValue {
  const entries = parseZip(bytes, path);
  const whole = new ByteReader(bytes, { path, format: FORMAT });
  const main = [...entries.keys()].find((name) => name.endsWith("/data.pkl"));
  if (main === undefined) throw whole.error("a zip archive, but not one of torch.save (it has no data.pkl)");
  const folder = main.slice(0, -"data.pkl".length);
  const order = entries.get(`${folder}byteorder`)?.();
  const littleEndian = order === undefined || decodeUtf8(order, path, FORMAT).trim() === "little";
  const cache = new Map<string, Uint8Array>();
  const bytesOf = (storage: TorchStorage): Uint8Array => {
    const name = `${folder}data/${storage.key}`;
    const cached = cache.get(name);
    if (cached !== undefined) return cached;
    const read = entries.get(name);
    if (read === undefined) throw whole.error(`the storage '${name}' is missing; the file is damaged`);
    const data = read();
    const size = storage.length * TORCH_STORAGE[storage.dtype].BYTES_PER_ELEMENT;
    if (data.length !== size) {
      throw whole.error(
        `the storage '${name}' has ${data.length} bytes instead of ${size}; the file is damaged`,
      );
    }
    const native = littleEndian ? data : swapBytes(data, TORCH_STORAGE[storage.dtype].BYTES_PER_ELEMENT);
    cache.set(name, native);
    return native;
  };
  const reader = new ByteReader(entries.get(main)!(), { path: `${path}:${main}`, format: FORMAT });
  const storages = new Map<string, TorchStorage>();
  const raw = readPickle(reader, host(reader, storages));
  for (const { key } of storages.values()) {
    if (!entries.has(`${folder}data/${key}`)) {
      throw whole.error(`the storage '${folder}data/${key}' is missing; the file is damaged`);
    }
  }
  return toValue(whole, raw, bytesOf);
}

function parseLegacy(bytes: Uint8Array, path: string): TorchValue {
  const reader = new ByteReader(bytes, { path, format: FORMAT });
  const storages = new Map<string, TorchStorage>();
  const next = (): unknown => readPickle(reader, host(reader, storages));
  if (bytes[0] !== 0x80 || next() !== LEGACY_MAGIC) {
    throw reader.error("not a file of torch.save; give a .pth, .pt or .tar that PyTorch wrote");
  }
  const protocol = next();
  if (protocol !== LEGACY_PROTOCOL) {
    throw reader.error(`protocol ${describeValue(protocol)} of torch.save is unknown; save it again`);
  }
  const system = next();
  const littleEndian = !(system instanceof Map) || system.get("little_endian") !== false;
  const raw = next();
  const keys = next();
  if (!Array.isArray(keys)) throw reader.error("its list of storages is damaged");
  const contents = new Map<string, Uint8Array>();
  for (const key of keys) {
    const storage = storages.get(String(key));
    const what = `the storage '${String(key)}'`;
    if (storage === undefined || contents.has(storage.key)) {
      throw reader.error(`${what} belongs to no tensor; the file is damaged`);
    }
    const length = reader.u64(what);
    if (length !== storage.length) {
      throw reader.error(`${what} has ${length} elements instead of ${storage.length}; the file is damaged`);
    }
    const size = TORCH_STORAGE[storage.dtype].BYTES_PER_ELEMENT;
    const data = reader.take8(length * size, what);
    contents.set(storage.key, littleEndian ? data : swapBytes(data, size));
  }
  if (reader.remaining > 0) throw reader.error(`${reader.remaining} bytes follow the last storage`);
  for (const key of storages.keys()) {
    if (!contents.has(key)) throw reader.error(`the storage '${key}' is missing; the file is damaged`);
  }
  return toValue(reader, raw, (storage) => contents.get(storage.key)!);
}

/** The globals of a state dictionary, and nothing else. */
function host(reader: ByteReader, storages: Map<string, TorchStorage>): PickleHost {
  const bad = (name: string) =>
    reader.error(`'${name}' is called with impossible arguments; the file is damaged`);
  const known = (name: string, call: (args: readonly unknown[]) => unknown): PickleGlobal => ({ name, call });
  return {
    global(module, name) {
      const full = `${module}.${name}`;
      switch (full) {
        case "collections.OrderedDict":
          return known(full, (args) => orderedDict(args, () => bad(full)));
        case "torch._utils._rebuild_tensor":
        case "torch._utils._rebuild_tensor_v2":
          return known(full, ([storage, offset, shape, strides]) => {
            if (!isStorage(storage)) throw bad(full);
            return new RawTensor(storage, offset, shape, strides);
          });
        case "torch._utils._rebuild_parameter":
          return known(full, ([tensor]) => {
            if (!(tensor instanceof RawTensor)) throw bad(full);
            return tensor;
          });
        case "torch.Size":
          return known(full, ([shape]) => shape ?? null);
        default: {
          const dtype = module === "torch" || module === "torch.cuda" ? STORAGE_TYPES.get(name) : undefined;
          if (dtype === undefined) return undefined;
          const type = new StorageType(full, dtype);
          return Object.assign(type, {
            call: () => {
              throw bad(full);
            },
          });
        }
      }
    },
    persistent(id) {
      const [tag, type, key, , length, view] = id instanceof PickleTuple ? id.items : [];
      if (tag !== "storage" || !(type instanceof StorageType) || !isSize(length)) {
        throw reader.error("a storage is described wrongly; the file is damaged");
      }
      if (view !== undefined && view !== null) {
        throw reader.error("holds views of storages, as PyTorch wrote before 0.2; save it again");
      }
      const name = String(key);
      const earlier = storages.get(name);
      const storage = { key: name, dtype: type.dtype, length };
      if (earlier !== undefined && (earlier.dtype !== storage.dtype || earlier.length !== length)) {
        throw reader.error(`the storage '${name}' is described in two ways; the file is damaged`);
      }
      if (earlier === undefined) storages.set(name, storage);
      return earlier ?? storage;
    },
  };
}

function orderedDict(args: readonly unknown[], bad: () => Error): Map<unknown, unknown> {
  const [items] = args;
  if (items === undefined) return new Map();
  if (!Array.isArray(items)) throw bad();
  return new Map(
    items.map((pair: unknown): [unknown, unknown] => {
      const [key, value] = pair instanceof PickleTuple ? pair.items : Array.isArray(pair) ? pair : [];
      if (key === undefined || value === undefined) throw bad();
      return [key, value];
    }),
  );
}

function isStorage(value: unknown): value is TorchStorage {
  return typeof value === "object" && value !== null && "key" in value && "dtype" in value;
}
