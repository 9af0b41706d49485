/**
 * The Python dictionary in the head of a `.npy` file, read by a small grammar; nothing is evaluated.
 *
 * @module
 */
import { FileFormatError } from "@renograde/core";

/** The three entries every `.npy` file has. */
export interface NpyDictionary {
  /** Element type, such as `<f4`. */
  readonly descr: string;
  readonly fortranOrder: boolean;
  readonly shape: readonly number[];
}

const TOKEN =
  /\s*(?:(?<text>'[^'\\]*'|"[^"\\]*")|(?<number>\d+)L?|(?<word>True|False)|(?<mark>[{}():,[\]]))/y;

type Value = string | boolean | number | readonly number[];

/**
 * Parses `{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }`: those keys in any order, each once.
 *
 * @throws FileFormatError when the text is anything else
 */
export function parseNpyDictionary(text: string, path: string): NpyDictionary {
  const fail = (problem: string): FileFormatError =>
    new FileFormatError(path, "npy", `its header ${problem}: ${JSON.stringify(text.slice(0, 120).trim())}`);

  const tokens: { kind: "text" | "number" | "word" | "mark"; value: string }[] = [];
  TOKEN.lastIndex = 0;
  const end = text.trimEnd().length;
  while (TOKEN.lastIndex < end) {
    const groups = TOKEN.exec(text)?.groups;
    if (groups === undefined) throw fail("is not a dictionary this reader knows");
    const kind = (["text", "number", "word", "mark"] as const).find((name) => groups[name] !== undefined)!;
    tokens.push({ kind, value: groups[kind]! });
  }

  let next = 0;
  const takeMark = (mark: string): boolean => {
    const token = tokens[next];
    if (token?.kind !== "mark" || token.value !== mark) return false;
    next++;
    return true;
  };
  const take = (): { kind: string; value: string } => {
    const token = tokens[next++];
    if (token === undefined) throw fail("ends too early");
    return token;
  };
  const takeValue = (): Value => {
    if (takeMark("(")) {
      const sizes: number[] = [];
      while (!takeMark(")")) {
        const size = take();
        const value = Number(size.value);
        if (size.kind !== "number" || !Number.isSafeInteger(value))
          throw fail("has a shape that is not whole numbers");
        sizes.push(value);
        if (!takeMark(",")) {
          if (!takeMark(")")) throw fail("has an unfinished shape");
          break;
        }
      }
      return sizes;
    }
    const token = take();
    if (token.kind === "text") return token.value.slice(1, -1);
    if (token.kind === "word") return token.value === "True";
    throw fail("has an entry this reader does not know (structured types are not supported)");
  };

  const entries = new Map<string, Value>();
  if (!takeMark("{")) throw fail("is not a dictionary");
  while (!takeMark("}")) {
    const key = take();
    if (key.kind !== "text" || !takeMark(":")) throw fail("is not a dictionary this reader knows");
    const name = key.value.slice(1, -1);
    if (entries.has(name)) throw fail(`has '${name}' twice`);
    entries.set(name, takeValue());
    if (!takeMark(",")) {
      if (!takeMark("}")) throw fail("is not a dictionary this reader knows");
      break;
    }
  }
  const descr = entries.get("descr");
  const fortranOrder = entries.get("fortran_order");
  const shape = entries.get("shape");
  if (
    next !== tokens.length ||
    entries.size !== 3 ||
    typeof descr !== "string" ||
    typeof fortranOrder !== "boolean" ||
    typeof shape !== "object"
  ) {
    throw fail("must have exactly 'descr', 'fortran_order' and 'shape'");
  }
  return { descr, fortranOrder, shape };
}
