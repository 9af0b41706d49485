/**
 * From what files call their classes, numbers or names, to the ids of a class scheme.
 *
 * @module
 */
import { CLASS_COLORS, type ClassScheme, DataError, RCC_CLASSES, validateClassScheme } from "@renograde/core";

/** The class file of a label PNG: `{"class_names": {"1": "…"}, "instance_class": {"<label>": <class>}}`. */
export interface ClassFile {
  /** Name by class number. */
  readonly names: ReadonlyMap<number, string>;
  /** Class number by instance id. */
  readonly classOf: ReadonlyMap<number, number>;
}

function numberedEntries(value: unknown, what: string, path: string): [number, unknown][] {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new DataError(`${path}: expected an object "${what}" with numbers as keys`);
  }
  return Object.entries(value).map(([key, entry]) => {
    const id = Number(key);
    if (!Number.isSafeInteger(id) || id < 0) {
      throw new DataError(`${path}: "${what}" has the key "${key}", expected a whole number`);
    }
    return [id, entry];
  });
}

/**
 * Parses the class file of a label PNG.
 *
 * @throws DataError naming the file and what is wrong
 */
export function parseClassFile(text: string, path: string): ClassFile {
  let json: { class_names?: unknown; instance_class?: unknown };
  try {
    json = Object(JSON.parse(text)) as typeof json;
  } catch (cause) {
    throw new DataError(`${path}: not valid JSON; it is truncated or corrupt`, { cause });
  }
  const names = new Map<number, string>();
  for (const [id, name] of numberedEntries(json.class_names, "class_names", path)) {
    if (typeof name !== "string") throw new DataError(`${path}: class_names["${id}"] is not a name`);
    if (id !== 0) names.set(id, name);
  }
  const classOf = new Map<number, number>();
  for (const [id, type] of numberedEntries(json.instance_class, "instance_class", path)) {
    if (!Number.isInteger(type) || (type as number) < 0) {
      throw new DataError(
        `${path}: instance_class["${id}"] is ${JSON.stringify(type)}, expected a class number`,
      );
    }
    classOf.set(id, type as number);
  }
  return { names, classOf };
}

/**
 * A scheme from the class names of a data set; the names of renal cell carcinoma give {@link RCC_CLASSES}. Numbers
 * without a name get one, so that ids stay what the files say.
 */
export function schemeOfNames(names: ReadonlyMap<number, string>): ClassScheme {
  const count = Math.max(...names.keys());
  const list = Array.from({ length: count }, (_, i) => names.get(i + 1) ?? `class ${i + 1}`);
  const rcc = RCC_CLASSES.classes.map((c) => c.name.toLowerCase());
  if (list.length === rcc.length && list.every((name, i) => name.toLowerCase() === rcc[i]))
    return RCC_CLASSES;
  const merge = Array.from({ length: count + 1 }, (_, id) => id);
  return validateClassScheme({
    name: "data set",
    classes: list.map((name, i) => ({ name, short: name, color: CLASS_COLORS[i % CLASS_COLORS.length]! })),
    tasks: [
      { name: "all classes (100x)", merge },
      { name: "all classes (400x)", merge },
    ],
  });
}

/**
 * Gives every instance its id in the scheme. Names match in any letter case, as name or as short label; numbers are
 * ids already.
 *
 * @param path - for messages
 * @returns class by instance id, and one warning per name that the scheme does not have: such instances get no class
 * @throws DataError for a number that the scheme does not have
 */
export function resolveTypes(
  classes: ReadonlyMap<number, number | string>,
  scheme: ClassScheme,
  path: string,
): { types: Map<number, number>; warnings: string[] } {
  const ids = new Map<string, number>();
  for (const [i, c] of scheme.classes.entries()) ids.set(c.short.toLowerCase(), i + 1);
  for (const [i, c] of scheme.classes.entries()) ids.set(c.name.toLowerCase(), i + 1);
  const known = scheme.classes.map((c) => c.name).join(", ");
  const types = new Map<number, number>();
  const unknown = new Map<string, number>();
  for (const [instance, value] of classes) {
    if (typeof value === "number" && value > scheme.classes.length) {
      throw new DataError(
        `${path}: instance ${instance} has class ${value}, but there are ${scheme.classes.length} classes (${known}); give the class scheme of the data`,
      );
    }
    const type = typeof value === "number" ? value : ids.get(value.toLowerCase());
    if (type === undefined) unknown.set(String(value), (unknown.get(String(value)) ?? 0) + 1);
    types.set(instance, type ?? 0);
  }
  const warnings = [...unknown].map(
    ([name, count]) =>
      `${path}: ${count} nuclei have the class "${name}", which is none of ${known}; they count as nuclei without class`,
  );
  return { types, warnings };
}
