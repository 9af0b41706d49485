/**
 * Warm start: the weights of an earlier run of ours, where the classes may have changed.
 *
 * @module
 */
import { existsSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { type ClassScheme, DataError, listSome } from "@renograde/core";
import { declareParameters, type Network, type ParameterSpec, type StateTensor } from "@renograde/nn";
import { hasCheckpoint } from "../loop/checkpoint.js";
import { readRunConfig, readRunInfo, runPaths } from "../loop/run-folder.js";
import { type ForeignWeights, readWeights } from "./read-weights.js";
import { readWeightsOrigin, type WeightsOrigin } from "./weights-file.js";

/** What an earlier run gave. */
export interface WarmStart {
  readonly weights: ForeignWeights;
  /** Tensors taken, under their names. */
  readonly state: Map<string, StateTensor>;
  /** Class-dependent tensors that start afresh. */
  readonly fresh: readonly string[];
  /** What the user should know, as sentences. */
  readonly notes: readonly string[];
}

/** The file of weights behind `from`, and the folder of its run where it lies in one. */
function locate(from: string): { file: string; run: string | null } {
  if (existsSync(from) && statSync(from).isDirectory()) {
    const paths = runPaths(from);
    const file = `${hasCheckpoint(paths.best) ? paths.best : paths.last}.safetensors`;
    if (!existsSync(file))
      throw new DataError(`${from}: holds no checkpoint; name a run folder or a .safetensors file`);
    return { file, run: from };
  }
  const run = join(dirname(from), "..");
  return { file: from, run: existsSync(runPaths(run).run) ? run : null };
}

/** Names of the parameters whose shape depends on the classes: those that differ with one class more. */
export function classDependent(
  networkOf: (classes: ClassScheme) => Network,
  classes: ClassScheme,
): Set<string> {
  const shapes = (scheme: ClassScheme) =>
    new Map(declareParameters(networkOf(scheme)).map((spec) => [spec.name, spec.shape.join()]));
  const more: ClassScheme = {
    name: classes.name,
    classes: [
      ...classes.classes,
      { name: `${classes.classes.map((c) => c.name).join()}+`, short: "+", color: [0, 0, 0] },
    ],
    tasks: [oneMore(classes.tasks[0]), oneMore(classes.tasks[1])],
  };
  const other = shapes(more);
  return new Set(
    [...shapes(classes)].filter(([name, shape]) => other.get(name) !== shape).map(([name]) => name),
  );
}

const oneMore = (task: ClassScheme["tasks"][number]): ClassScheme["tasks"][number] => ({
  name: task.name,
  merge: [...task.merge, Math.max(...task.merge) + 1],
});

/** Everything about classes that gives a head its meaning. */
const meaning = (scheme: ClassScheme): string =>
  JSON.stringify([scheme.classes.map((c) => c.name), scheme.tasks.map((task) => task.merge)]);

/**
 * Takes every tensor of an earlier run. Where the classes differ, the class-dependent heads start afresh; anything
 * else that differs is an error.
 *
 * @param from - a run folder (its best checkpoint, else its last), a checkpoint, or safetensors with our names
 * @param options.networkOf - makes the new network for a class scheme
 * @throws DataError naming the tensors that do not fit
 */
export async function warmStart(
  from: string,
  options: {
    readonly specs: readonly ParameterSpec[];
    readonly classes: ClassScheme;
    readonly networkOf: (classes: ClassScheme) => Network;
    /** Options of the new network, to be compared with those of the run. */
    readonly net: Readonly<Record<string, unknown>>;
    /** Pixel size of the new network's images, µm. */
    readonly mpp: number;
  },
): Promise<WarmStart> {
  const { file, run } = locate(from);
  const weights = await readWeights(file);
  const origin = run === null ? readWeightsOrigin(file, weights.metadata) : await originOf(run);
  const notes: string[] = [];
  const heads = classDependent(options.networkOf, options.classes);
  const sameClasses = origin !== null && meaning(origin.classes) === meaning(options.classes);
  const differences = origin === null ? [] : networkDifferences(origin, from, options.net);
  if (origin === null) {
    notes.push(`${file}: says nothing of its classes; heads of equal size are taken as they are`);
  } else {
    notes.push(...differences);
    if (origin.mpp !== options.mpp) {
      notes.push(`${from} was trained at ${origin.mpp} µm/px, and data.mpp is ${options.mpp} now`);
    }
    if (run === null) {
      notes.push(
        `${file}: its licence, ${origin.licence}, holds for models made from it; say so in model.licence`,
      );
    }
  }
  const state = new Map<string, StateTensor>();
  const fresh: string[] = [];
  const problems: string[] = [];
  for (const { name, shape } of options.specs) {
    const tensor = weights.tensors.get(name);
    const fits = tensor !== undefined && tensor.shape.join() === shape.join();
    if (heads.has(name) && !(fits && (sameClasses || origin === null))) fresh.push(name);
    else if (fits) state.set(name, { shape, data: await tensor.read() });
    else if (tensor === undefined) problems.push(`"${name}" is missing`);
    else problems.push(`"${name}" should be [${shape.join(", ")}] but is [${tensor.shape.join(", ")}]`);
  }
  const known = new Set(options.specs.map((spec) => spec.name));
  for (const name of weights.tensors.keys()) {
    if (!known.has(name) && !name.startsWith("adam.")) problems.push(`"${name}" has no place in the network`);
  }
  if (problems.length > 0) {
    const [shown, remedy] =
      differences.length > 0 ? [1, listSome(differences, 8, "; ")] : [4, "give net.* the values of that run"];
    throw new DataError(
      `${file}: only class-dependent heads may differ from the new network, but ${listSome(problems, shown, "; ")}; ${remedy}`,
    );
  }
  if (fresh.length > 0) notes.push(`starting afresh because the classes differ: ${fresh.join(", ")}`);
  return { weights, state, fresh, notes };
}

/** What the weights of a run belong to. */
async function originOf(run: string): Promise<WeightsOrigin> {
  const { net, data, model } = await readRunConfig(run);
  const { classes } = await readRunInfo(run);
  return { name: model.name ?? net.network, licence: model.licence, classes, mpp: data.mpp, net };
}

/** Options of the network that change what equal weights compute. */
function networkDifferences(
  { net: before }: WeightsOrigin,
  from: string,
  net: Readonly<Record<string, unknown>>,
): string[] {
  return Object.keys(net)
    .filter((key) => JSON.stringify(net[key]) !== JSON.stringify(before[key]))
    .map((key) => `net.${key} was ${String(before[key])} in ${from} and is ${String(net[key])} now`);
}
