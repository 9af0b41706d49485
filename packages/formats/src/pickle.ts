/**
 * A restricted reader of Python's pickles, protocols 2 to 5. It never runs code: numbers, text, bytes and plain
 * containers are built here; any other global must be one the caller knows, or the file is refused with its name.
 * Opcodes: CPython's `Lib/pickletools.py`; pickle.py's documentation.
 *
 * @module
 */
import type { ByteReader } from "./byte-reader.js";
import { decodeUtf8 } from "./text.js";

/** A tuple; lists are plain arrays. */
export class PickleTuple {
  readonly items: readonly unknown[];
  constructor(items: readonly unknown[]) {
    this.items = items;
  }
}

/** What a global stands for, and what calling it gives. */
export interface PickleGlobal {
  /** `module.name`, for messages. */
  readonly name: string;
  /** Called by REDUCE. @throws FileFormatError for impossible arguments */
  call(args: readonly unknown[]): unknown;
}

/** What a pickle may refer to outside itself. */
export interface PickleHost {
  /** The global of that name, or undefined when it is not allowed. */
  global(module: string, name: string): PickleGlobal | undefined;
  /** The object behind a persistent id. */
  persistent(id: unknown): unknown;
}

const MARK = Symbol("mark");
/** Longer integers than this are nothing a file of weights holds. */
const MAX_INTEGER_BYTES = 64;

/**
 * Reads one pickle and leaves `reader` behind its end.
 *
 * @returns null, booleans, numbers, bigints beyond 2^53, text, bytes, arrays (lists), {@link PickleTuple}, `Set`,
 *   `Map` (dictionaries) and what `host` gave
 * @throws FileFormatError for damage, unknown opcodes and globals that are not allowed
 */
export function readPickle(reader: ByteReader, host: PickleHost): unknown {
  return new Unpickler(reader, host).run();
}

class Unpickler {
  private readonly reader: ByteReader;
  private readonly host: PickleHost;
  private readonly stack: unknown[] = [];
  private readonly marks: number[] = [];
  private readonly memo = new Map<number, unknown>();

  constructor(reader: ByteReader, host: PickleHost) {
    this.reader = reader;
    this.host = host;
  }

  run(): unknown {
    for (;;) {
      const opcode = this.reader.u8("a pickle");
      if (opcode === 0x2e) {
        const result = this.pop();
        if (this.stack.length > 0) throw this.corrupt("it ends with values left over");
        return result;
      }
      this.step(opcode);
    }
  }

  private corrupt(why: string) {
    return this.reader.error(`its pickle is damaged near byte ${this.reader.position}: ${why}`);
  }

  private push(value: unknown): void {
    this.stack.push(value);
  }

  private pop(): unknown {
    if (this.stack.length === 0) throw this.corrupt("a value is missing");
    const value = this.stack.pop();
    if (value === MARK) throw this.corrupt("a value is missing");
    return value;
  }

  private top(): unknown {
    const value = this.stack.at(-1);
    if (value === undefined || value === MARK) throw this.corrupt("a value is missing");
    return value;
  }

  /** Removes and returns everything above the last mark, and the mark. */
  private popMark(): unknown[] {
    const mark = this.marks.pop();
    if (mark === undefined) throw this.corrupt("a mark is missing");
    const items = this.stack.splice(mark);
    items.shift();
    return items;
  }

  private popMany(count: number): unknown[] {
    return Array.from({ length: count }, () => this.pop()).reverse();
  }

  private step(opcode: number): void {
    const { reader } = this;
    const what = "a pickle";
    switch (opcode) {
      case 0x80: {
        const protocol = reader.u8(what);
        if (protocol < 2 || protocol > 5) throw this.corrupt(`protocol ${protocol} is unknown`);
        return;
      }
      case 0x95: // FRAME: only a hint for buffering
        reader.u64(what);
        return;
      case 0x28: // MARK
        this.marks.push(this.stack.length);
        this.push(MARK);
        return;
      case 0x30: // POP
        if (this.marks.at(-1) === this.stack.length - 1) this.popMark();
        else this.pop();
        return;
      case 0x31: // POP_MARK
        this.popMark();
        return;
      case 0x32: // DUP
        this.push(this.top());
        return;
      case 0x4e:
        this.push(null);
        return;
      case 0x88:
        this.push(true);
        return;
      case 0x89:
        this.push(false);
        return;
      case 0x4a:
        this.push(reader.i32(what));
        return;
      case 0x4b:
        this.push(reader.u8(what));
        return;
      case 0x4d:
        this.push(reader.u16(what));
        return;
      case 0x8a:
        this.push(this.integer(reader.u8(what)));
        return;
      case 0x8b:
        this.push(this.integer(reader.u32(what)));
        return;
      case 0x47: {
        const bytes = reader.take8(8, what);
        this.push(new DataView(bytes.buffer, bytes.byteOffset, 8).getFloat64(0));
        return;
      }
      case 0x58:
        this.push(this.text(reader.u32(what)));
        return;
      case 0x8c:
        this.push(this.text(reader.u8(what)));
        return;
      case 0x8d:
        this.push(this.text(reader.u64(what)));
        return;
      case 0x54: // BINSTRING, SHORT_BINSTRING: Python 2's text
        this.push(this.text(reader.u32(what)));
        return;
      case 0x55:
        this.push(this.text(reader.u8(what)));
        return;
      case 0x42:
        this.push(reader.take8(reader.u32(what), what));
        return;
      case 0x43:
        this.push(reader.take8(reader.u8(what), what));
        return;
      case 0x8e:
        this.push(reader.take8(reader.u64(what), what));
        return;
      default:
        this.containerStep(opcode);
        return;
    }
  }

  private containerStep(opcode: number): void {
    const { reader } = this;
    const what = "a pickle";
    switch (opcode) {
      case 0x5d:
        this.push([]);
        return;
      case 0x6c: // LIST
        this.push(this.popMark());
        return;
      case 0x29:
        this.push(new PickleTuple([]));
        return;
      case 0x74: // TUPLE
        this.push(new PickleTuple(this.popMark()));
        return;
      case 0x85:
      case 0x86:
      case 0x87:
        this.push(new PickleTuple(this.popMany(opcode - 0x84)));
        return;
      case 0x7d:
        this.push(new Map());
        return;
      case 0x64: // DICT
        this.push(new Map());
        this.setItems(this.popMarkBelowTop());
        return;
      case 0x8f:
        this.push(new Set());
        return;
      case 0x91: // FROZENSET
        this.push(new Set(this.popMark()));
        return;
      case 0x90: // ADDITEMS
        this.addTo(Set, this.popMark());
        return;
      case 0x61: // APPEND
        this.addTo(Array, [this.pop()]);
        return;
      case 0x65: // APPENDS
        this.addTo(Array, this.popMark());
        return;
      case 0x73: // SETITEM
        this.setItems(this.popMany(2));
        return;
      case 0x75: // SETITEMS
        this.setItems(this.popMark());
        return;
      case 0x71:
        this.memo.set(reader.u8(what), this.top());
        return;
      case 0x72:
        this.memo.set(reader.u32(what), this.top());
        return;
      case 0x94: // MEMOIZE
        this.memo.set(this.memo.size, this.top());
        return;
      case 0x68:
        this.push(this.recall(reader.u8(what)));
        return;
      case 0x6a:
        this.push(this.recall(reader.u32(what)));
        return;
      case 0x63: // GLOBAL
        this.push(this.global(this.line(), this.line()));
        return;
      case 0x93: {
        const [module, name] = this.popMany(2);
        this.push(this.global(module, name));
        return;
      }
      case 0x52: // REDUCE
        this.reduce();
        return;
      case 0x62: // BUILD
        this.build();
        return;
      case 0x51: // BINPERSID
        this.push(this.host.persistent(this.pop()));
        return;
      default:
        throw this.corrupt(
          `opcode 0x${opcode.toString(16)} is not one that files of weights use; save a plain state dictionary`,
        );
    }
  }

  /** Little-endian two's complement. */
  private integer(length: number): number | bigint {
    if (length > MAX_INTEGER_BYTES) throw this.corrupt(`an integer of ${length} bytes is impossible`);
    const bytes = this.reader.take8(length, "a pickle");
    let value = 0n;
    for (let i = length - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i]!);
    value = BigInt.asIntN(8 * length, value);
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : value;
  }

  private text(length: number): string {
    return decodeUtf8(this.reader.take8(length, "a pickle"), this.reader.path, this.reader.format);
  }

  /** Text up to the next line feed. */
  private line(): string {
    const { reader } = this;
    const end = reader.bytes.indexOf(10, reader.position);
    if (end < 0 || end >= reader.end) throw this.corrupt("a name has no end");
    const text = this.text(end - reader.position);
    reader.position = end + 1;
    return text;
  }

  /** The items between the last mark and the value just pushed; that value stays on top. */
  private popMarkBelowTop(): unknown[] {
    const value = this.pop();
    const items = this.popMark();
    this.push(value);
    return items;
  }

  private addTo(type: typeof Array | typeof Set, items: readonly unknown[]): void {
    const target = this.top();
    if (type === Array && Array.isArray(target)) for (const item of items) target.push(item);
    else if (type === Set && target instanceof Set) for (const item of items) target.add(item);
    else throw this.corrupt("items are added to something that is no list");
  }

  private setItems(items: readonly unknown[]): void {
    const target = this.top();
    if (!(target instanceof Map) || items.length % 2 !== 0) {
      throw this.corrupt("items are set in something that is no dictionary");
    }
    for (let i = 0; i < items.length; i += 2) target.set(items[i], items[i + 1]);
  }

  private recall(index: number): unknown {
    if (!this.memo.has(index)) throw this.corrupt("it refers to a value that does not exist");
    return this.memo.get(index);
  }

  private global(module: unknown, name: unknown): PickleGlobal {
    const found =
      typeof module === "string" && typeof name === "string" ? this.host.global(module, name) : undefined;
    if (found === undefined) {
      throw this.reader.error(
        `refers to '${String(module)}.${String(name)}', which is not loaded: only tensors, numbers, text and plain containers are; save a state dictionary of tensors`,
      );
    }
    return found;
  }

  private reduce(): void {
    const [callee, args] = this.popMany(2);
    if (!isGlobal(callee) || !(args instanceof PickleTuple)) {
      throw this.corrupt("something that is no known global is called");
    }
    this.push(callee.call(args.items));
  }

  /** Attributes of dictionaries, such as `_metadata` of a state dictionary, are dropped; nothing else has any. */
  private build(): void {
    this.pop();
    if (!(this.top() instanceof Map))
      throw this.corrupt("attributes are given to something that is no dictionary");
  }
}

function isGlobal(value: unknown): value is PickleGlobal {
  return typeof value === "object" && value !== null && "call" in value && typeof value.call === "function";
}
