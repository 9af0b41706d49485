/**
 * A configuration from a YAML file and `--set key=value` overrides. All mistakes are reported at once, each with
 * its line and column.
 *
 * @module
 */
import { readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { ConfigError, type ConfigIssue, FileAccessError, isRenogradeError } from "@renograde/core";
import { createNetwork, inputRule, type Network, takesInput } from "@renograde/nn";
import { type Document, isMap, isNode, isScalar, LineCounter, parse, parseDocument, stringify } from "yaml";
import { knownOptions } from "./docs.js";
import { describeIssues, dotted, type PlacedIssue, quoteValue, toConfigIssue, valueAt } from "./issues.js";
import { type Defaults, networkDefaults } from "./network-defaults.js";
import { REFERENCE_PRESET, type TrainConfig, trainConfigSchema } from "./schema.js";

type Tree = Record<string, unknown>;

function isTree(value: unknown): value is Tree {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** `over` laid on `under`; groups merge, everything else is replaced. */
function mergeUnder(over: Tree, under: Tree): Tree {
  const result: Tree = { ...over };
  for (const [key, value] of Object.entries(under)) {
    const own = result[key];
    if (own === undefined) result[key] = value;
    else if (isTree(own) && isTree(value)) result[key] = mergeUnder(own, value);
  }
  return result;
}

/** The settings that belong to the network a raw configuration names. */
function defaultsOf(raw: Tree): Defaults {
  return networkDefaults(isTree(raw.net) ? raw.net : {}, raw.regime);
}

/** One `--set`: the option's keys and its value, which is read as YAML. */
interface Override {
  readonly text: string;
  readonly path: readonly string[];
}

/** Writes `value` at `path`, making groups on the way; list entries are addressed by their number. */
function assign(root: Tree, path: readonly string[], value: unknown): void {
  let at: Tree | unknown[] = root;
  for (const [i, key] of path.entries()) {
    const index: string | number = Array.isArray(at) ? Number(key) : key;
    const holder = at as Record<string | number, unknown>;
    if (i === path.length - 1) {
      holder[index] = value;
      return;
    }
    const next: unknown = holder[index];
    if (Array.isArray(next) || isTree(next)) at = next;
    else at = holder[index] = {};
  }
}

function applyOverrides(raw: Tree, set: readonly string[], issues: ConfigIssue[]): Override[] {
  const overrides: Override[] = [];
  for (const text of set) {
    const cut = text.indexOf("=");
    const path = text.slice(0, Math.max(cut, 0)).trim().split(".");
    if (cut < 1 || path.includes("") || path.includes("__proto__")) {
      issues.push({ path: text, message: "expected key=value such as train.batch=4", override: text });
      continue;
    }
    let value: unknown;
    try {
      value = parse(text.slice(cut + 1));
    } catch {
      value = text.slice(cut + 1);
    }
    if (path[0] === "train" && path[1] === "phases" && path.length > 2) {
      raw.train ??= {};
      if (isTree(raw.train)) raw.train.phases ??= structuredClone(defaultsOf(raw).train?.phases ?? [{}]);
    }
    assign(raw, path, value);
    overrides.push({ text, path });
  }
  return overrides;
}

function positionOf(document: Document, counter: LineCounter, issue: PlacedIssue) {
  let path = [...issue.path];
  if (issue.atKey) {
    const holder = document.getIn(path.slice(0, -1), true) ?? document.contents;
    const pair = isMap(holder)
      ? holder.items.find((item) => isScalar(item.key) && String(item.key.value) === path.at(-1))
      : undefined;
    if (pair && isNode(pair.key) && pair.key.range) return counter.linePos(pair.key.range[0]);
  }
  for (;;) {
    const node = path.length === 0 ? document.contents : document.getIn(path, true);
    if (isNode(node) && node.range) return counter.linePos(node.range[0]);
    if (path.length === 0) return undefined;
    path = path.slice(0, -1);
  }
}

/** Window geometry of the configured network; null where its options are impossible, which creating it reports. */
function geometryOf(config: TrainConfig): Network["geometry"] | null {
  const { network, ...net } = config.net;
  try {
    return createNetwork(network, { ...net, preset: config.preset }).geometry;
  } catch (error) {
    if (isRenogradeError(error)) return null;
    throw error;
  }
}

/** Conditions between options, beyond what one option can say. */
function crossChecks(config: TrainConfig): PlacedIssue[] {
  const issues: PlacedIssue[] = [];
  const bad = (path: string, message: string) =>
    issues.push({ path: path.split("."), message, atKey: false });
  const { crop, window, step } = config.data;
  const geometry = geometryOf(config);
  if (geometry === null) return issues;
  if (!takesInput(geometry, crop)) {
    bad("data.crop", `expected ${inputRule(geometry)}, such as ${geometry.window}, received ${crop}`);
  }
  if (window < crop) bad("data.window", `expected at least data.crop = ${crop}, received ${window}`);
  if ((window - crop) % 2 !== 0) {
    bad("data.window", `expected an even difference to data.crop = ${crop}, received ${window}`);
  }
  if (step > window) bad("data.step", `expected at most data.window = ${window}, received ${step}`);
  if ((window - step) % 2 !== 0) {
    bad("data.step", `expected an even difference to data.window = ${window}, received ${step}`);
  }
  for (const [i, phase] of config.train.phases.entries()) {
    const batch = phase.batch ?? config.train.batch;
    const where = phase.batch === null ? "train.batch" : `train.phases.${i}.batch`;
    for (const name of ["accumulate", "bnGroup"] as const) {
      const parts = config.train[name];
      if (parts > 0 && batch % parts !== 0) {
        bad(`train.${name}`, `expected a divisor of ${where} = ${batch}, received ${parts}`);
      }
    }
  }
  if (config.train.select === "aPQ" && config.train.evalPq === 0) {
    bad("train.select", "aPQ needs train.evalPq = 1 or more");
  }
  if (config.train.select === "mse" && config.net.network !== "dist") {
    bad(
      "train.select",
      `mse needs a network with a distance in pixels, dist; received ${config.net.network}`,
    );
  }
  if (config.data.stainTarget !== null && config.data.stainNorm === "none") {
    bad("data.stainTarget", "expected data.stainNorm to be macenko or reinhard, received none");
  }
  const starts = (["encoder", "weights", "from"] as const).filter((key) => config.init[key] !== null);
  if (starts.length > 1) {
    bad(
      `init.${starts[1]}`,
      `expected one of init.${starts.join(", init.")} at a time; leave the others out`,
    );
  }
  const sum = config.split.fractions.reduce((a, b) => a + b, 0);
  if (Math.abs(sum - 1) > 1e-6) {
    bad(
      "split.fractions",
      `expected shares that add up to 1, received ${quoteValue(config.split.fractions)}`,
    );
  }
  return issues;
}

/**
 * Mistakes of single options, and those between the other options: the wrong ones are left out, and what depends on
 * them is not judged.
 */
function withCrossChecks(wrong: readonly PlacedIssue[], raw: Tree): PlacedIssue[] {
  // They decide the defaults of many others.
  const decisive = wrong.some(({ path }) => ["net", "preset", "regime"].includes(String(path[0])));
  if (decisive || wrong.some(({ path }) => path.length === 0)) return [...wrong];
  const rest = structuredClone(raw);
  for (const { path } of wrong) {
    const holder = valueAt(rest, path.slice(0, -1));
    if (isTree(holder)) delete holder[String(path.at(-1))];
  }
  const result = trainConfigSchema.safeParse(rest);
  if (!result.success) return [...wrong];
  const names = wrong.map(({ path }) => dotted(path));
  const more = crossChecks(result.data).filter(
    ({ path, message }) => !names.some((name) => name === dotted(path) || message.includes(name)),
  );
  return [...wrong, ...more];
}

/**
 * Makes a complete configuration from YAML text and overrides.
 *
 * @param text - YAML (JSON is YAML too); empty for all defaults
 * @param options.source - name of the file, for messages
 * @param options.set - overrides such as `train.batch=4`; values are read as YAML, list entries by number
 *   (`train.phases.0.epochs=3`); later ones win
 * @param options.folder - makes the files it names absolute: from this folder, or from the working directory where
 *   `set` names them; without it they stay as they are
 * @throws ConfigError listing every mistake with its line and column
 */
export function parseConfig(
  text: string,
  options: { source?: string; set?: readonly string[]; folder?: string } = {},
): TrainConfig {
  const source = options.source ?? "configuration";
  const counter = new LineCounter();
  const document = parseDocument(text, { lineCounter: counter, prettyErrors: false });
  if (document.errors.length > 0) {
    throw new ConfigError(
      source,
      document.errors.map((error) => toConfigIssue("YAML", error.message, counter.linePos(error.pos[0]))),
    );
  }
  const parsed: unknown = document.toJS() ?? {};
  if (!isTree(parsed)) {
    throw new ConfigError(source, [
      { path: "(whole file)", message: `expected options such as "train:", received ${quoteValue(parsed)}` },
    ]);
  }
  const issues: ConfigIssue[] = [];
  const overrides = applyOverrides(parsed, options.set ?? [], issues);
  const preset = parsed.preset === "reference" ? mergeUnder(parsed, REFERENCE_PRESET) : parsed;
  const raw = mergeUnder(preset, defaultsOf(parsed));
  const result = trainConfigSchema.safeParse(raw);
  const placed = result.success
    ? crossChecks(result.data)
    : withCrossChecks(describeIssues(result.error.issues, raw, knownOptions), raw);
  for (const issue of placed) {
    const name = dotted(issue.path);
    const override = overrides.findLast((o) => `${name}.`.startsWith(`${o.path.join(".")}.`));
    if (override) issues.push({ path: name, message: issue.message, override: override.text });
    else issues.push(toConfigIssue(name, issue.message, positionOf(document, counter, issue)));
  }
  if (!result.success || issues.length > 0) throw new ConfigError(source, issues);
  if (options.folder === undefined) return result.data;
  return withAbsoluteFiles(
    result.data,
    options.folder,
    overrides.map(({ path }) => path.join(".")),
  );
}

/**
 * {@link parseConfig} of a file; without a path, of the defaults. Files it names are taken from its folder, those that
 * `--set` names from the working directory; the result has absolute paths.
 *
 * @throws FileAccessError when the file cannot be read
 */
export async function readConfig(
  path: string | undefined,
  set: readonly string[] = [],
): Promise<TrainConfig> {
  if (path === undefined) return parseConfig("", { source: "--set", set, folder: "." });
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (cause) {
    throw new FileAccessError(path, "cannot read the configuration; give the path of a YAML file", { cause });
  }
  return parseConfig(text, { source: path, set, folder: dirname(path) });
}

/** The options that name files or folders. */
export const FILE_OPTIONS = [
  ["init", "encoder"],
  ["init", "weights"],
  ["init", "from"],
  ["data", "classMap"],
  ["data", "stainTarget"],
  ["split", "file"],
] as const;

/** `config` with the files of {@link FILE_OPTIONS} renamed; null stays null. */
export function mapFiles(config: TrainConfig, rename: (path: string, option: string) => string): TrainConfig {
  const result = structuredClone(config) as Tree & TrainConfig;
  for (const [group, key] of FILE_OPTIONS) {
    const options = result[group] as Tree;
    const path = options[key];
    if (typeof path === "string") options[key] = rename(path, `${group}.${key}`);
  }
  return result;
}

function withAbsoluteFiles(config: TrainConfig, folder: string, set: readonly string[]): TrainConfig {
  const isSet = (option: string): boolean => set.some((path) => `${option}.`.startsWith(`${path}.`));
  return mapFiles(config, (path, option) => resolve(isSet(option) ? "." : folder, path));
}

/** The configuration as YAML, every option present, in the schema's order: what a run folder keeps. */
export function formatConfig(config: TrainConfig): string {
  return stringify(trainConfigSchema.parse(config), { lineWidth: 0 });
}
