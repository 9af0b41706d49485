/**
 * Class names of a dataset and the mapping of its own class numbers to the scheme's (spec/data.md §6).
 *
 * A mapping file is JSON: `{"<source id>": <target id>, …}`, target 0 drops the nucleus, and beside the numbers
 * optionally `name`, `names` (target names in order), `short`, `colors` (`[r, g, b]` each) and `tasks` (the two
 * merge tables, by default those of {@link defaultTasks}).
 *
 * @module
 */
import {
  CLASS_COLORS,
  type ClassScheme,
  type ClassTask,
  DataError,
  RCC_CLASSES,
  validateClassScheme,
} from "@renograde/core";

/** A scheme with the numbers a dataset uses for it. */
export interface ClassMapping {
  readonly scheme: ClassScheme;
  /** Scheme id by dataset id; null = the same numbers. */
  readonly targets: ReadonlyMap<number, number> | null;
}

/**
 * The two cross-category tasks of `classCount` classes: with three or more, task 1 merges classes 1 and 2, task 2
 * merges 2 and 3 (spec/network.md §10); with fewer both tasks are the classes themselves.
 */
export function defaultTasks(classCount: number): readonly [ClassTask, ClassTask] {
  const all = Array.from({ length: classCount + 1 }, (_, id) => id);
  if (classCount < 3) {
    return [
      { name: "all classes (100x)", merge: all },
      { name: "all classes (400x)", merge: all },
    ];
  }
  return [
    { name: "1+2 merged (100x)", merge: all.map((id) => (id < 2 ? id : id - 1)) },
    { name: "2+3 merged (400x)", merge: all.map((id) => (id < 3 ? id : id - 1)) },
  ];
}

/** A scheme from names alone. The names of renal cell carcinoma give {@link RCC_CLASSES}. */
export function schemeFromNames(
  name: string,
  names: readonly string[],
  extra: { short?: readonly string[]; colors?: readonly (readonly [number, number, number])[] } = {},
): ClassScheme {
  const rcc = RCC_CLASSES.classes;
  if (names.length === rcc.length && names.every((n, i) => n.toLowerCase() === rcc[i]!.name.toLowerCase())) {
    return RCC_CLASSES;
  }
  return validateClassScheme({
    name,
    classes: names.map((className, i) => ({
      name: className,
      short: extra.short?.[i] ?? className,
      color: extra.colors?.[i] ?? CLASS_COLORS[i % CLASS_COLORS.length]!,
    })),
    tasks: defaultTasks(names.length),
  });
}

/** "One class: nucleus", for data without classes. */
export const NUCLEUS_CLASSES: ClassScheme = schemeFromNames("nucleus", ["Nucleus"]);

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function listOf<T>(value: unknown, check: (entry: unknown) => entry is T): value is readonly T[] {
  return Array.isArray(value) && value.every((entry) => check(entry));
}
const isText = (value: unknown): value is string => typeof value === "string";
const isId = (value: unknown): value is number => Number.isInteger(value) && (value as number) >= 0;
const isColor = (value: unknown): value is [number, number, number] =>
  listOf(value, (v): v is number => typeof v === "number") && value.length === 3;

/**
 * Parses a mapping file.
 *
 * @param path - for messages
 * @throws DataError naming the file and the entry that is wrong
 */
export function parseClassMapping(text: string, path: string): ClassMapping {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new DataError(`${path}: not valid JSON; expected {"<source id>": <target id>, "names": [...]}`, {
      cause,
    });
  }
  if (!isRecord(json)) throw new DataError(`${path}: expected an object {"<source id>": <target id>}`);
  const targets = new Map<number, number>();
  let highest = 0;
  for (const [key, value] of Object.entries(json)) {
    if (["name", "names", "short", "colors", "tasks"].includes(key)) continue;
    const source = Number(key);
    if (!Number.isInteger(source) || source < 0 || source > 65535) {
      throw new DataError(
        `${path}: unknown entry "${key}"; expected a source class number, name, names, short, colors or tasks`,
      );
    }
    if (!isId(value) || value > 254) {
      throw new DataError(
        `${path}: class ${key} maps to ${JSON.stringify(value)}, expected a whole number 0 to 254`,
      );
    }
    if (source !== 0) targets.set(source, value);
    highest = Math.max(highest, value);
  }
  if (highest === 0)
    throw new DataError(`${path}: no class is kept; map at least one source class to 1 or more`);
  const names = json.names ?? (highest === 4 ? RCC_CLASSES.classes.map((c) => c.name) : undefined);
  if (!listOf(names, isText) || names.length < highest) {
    throw new DataError(`${path}: "names" must list the ${highest} target classes in order`);
  }
  const { short, colors, tasks } = json;
  if (short !== undefined && (!listOf(short, isText) || short.length !== names.length)) {
    throw new DataError(`${path}: "short" must have one text per name`);
  }
  if (colors !== undefined && (!listOf(colors, isColor) || colors.length !== names.length)) {
    throw new DataError(`${path}: "colors" must have one [r, g, b] per name`);
  }
  const named = schemeFromNames(isText(json.name) ? json.name : "classes", names, {
    ...(short === undefined ? {} : { short }),
    ...(colors === undefined ? {} : { colors }),
  });
  if (tasks === undefined) return { scheme: named, targets };
  const isTable = (value: unknown): value is number[] => listOf(value, isId);
  if (!listOf(tasks, isTable) || tasks.length !== 2) {
    throw new DataError(`${path}: "tasks" must be two merge tables such as [[0,1,1,2,3],[0,1,2,2,3]]`);
  }
  const scheme = {
    ...named,
    tasks: [
      { name: "task 1 (100x)", merge: tasks[0]! },
      { name: "task 2 (400x)", merge: tasks[1]! },
    ] as const,
  };
  return { scheme: validateClassScheme(scheme), targets };
}

/** Class numbers of the instances of one label PNG: `{"class_names": {…}, "instance_class": {…}}`. */
export interface InstanceClasses {
  /** Name by class number. */
  readonly names: ReadonlyMap<number, string>;
  /** Class number by instance id. */
  readonly classOf: ReadonlyMap<number, number>;
}

/**
 * Parses the class file of a label PNG.
 *
 * @throws DataError naming the file and the entry that is wrong
 */
export function parseInstanceClasses(text: string, path: string): InstanceClasses {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new DataError(`${path}: not valid JSON; write the class file again`, { cause });
  }
  if (!isRecord(json) || !isRecord(json.class_names) || !isRecord(json.instance_class)) {
    throw new DataError(`${path}: expected an object with "class_names" and "instance_class"`);
  }
  const names = new Map<number, string>();
  for (const [key, value] of Object.entries(json.class_names)) {
    if (!isId(Number(key)) || !isText(value))
      throw new DataError(`${path}: class_names["${key}"] must be a name`);
    if (Number(key) !== 0) names.set(Number(key), value);
  }
  const classOf = new Map<number, number>();
  for (const [key, value] of Object.entries(json.instance_class)) {
    if (!isId(Number(key)) || !isId(value)) {
      throw new DataError(
        `${path}: instance_class["${key}"] is ${JSON.stringify(value)}, expected a class number`,
      );
    }
    classOf.set(Number(key), value);
  }
  return { names, classOf };
}
