/**
 * What a network starts with: fresh values, and over them a pretrained encoder, a whole set of published weights, or
 * an earlier run (spec/training.md §7; options `init.*`).
 *
 * @module
 */
import { type ClassScheme, DataError, RCC_CLASSES, UsageError } from "@renograde/core";
import {
  declareParameters,
  elements,
  NET_PRESETS,
  type Network,
  type ParameterSpec,
  type StateDict,
  type StateTensor,
} from "@renograde/nn";
import type { TrainConfig } from "../config/schema.js";
import { networkOf } from "../loop/engine.js";
import { foldNormalisation } from "./fold-normalisation.js";
import {
  HOVER_NET_TENSORPACK,
  HOVER_NET_TORCH,
  HOVER_PREACT50,
  TENSORPACK_PREACT50,
  TORCHVISION_RESNET50,
} from "./hover-net-families.js";
import { readWeights, recordOf, type WeightsRecord } from "./read-weights.js";
import { familyOf, translate } from "./translate.js";
import { warmStart } from "./warm-start.js";
import {
  authorsFamily,
  TENSORPACK_RESNET34,
  TORCHVISION_RESNET34,
  type WeightFamily,
} from "./weight-families.js";

/** What was loaded, for `run.json`. */
export interface InitRecord extends WeightsRecord {
  /** The option that named the file. */
  readonly option: "init.encoder" | "init.weights" | "init.from";
  /** Naming of the file. */
  readonly family: string;
  /** Tensors, and numbers in them, that were loaded, of those the network has. */
  readonly tensors: number;
  readonly values: number;
  readonly ofTensors: number;
  /** ImageNet's normalisation was folded into the stem. */
  readonly foldedNormalisation: boolean;
  /** Tensors of the loaded part that start afresh, such as heads of other classes. */
  readonly fresh: readonly string[];
}

/** Weights to start with. */
export interface InitialWeights {
  /** The loaded tensors; the others stay fresh. */
  readonly state: ReadonlyMap<string, StateTensor>;
  readonly record: InitRecord;
  /** What the user should know, as sentences. */
  readonly notes: readonly string[];
}

const CHR_FAMILY: ReadonlySet<string> = new Set(["chr-net", "mhr-udist", "mhr", "shr"]);
/** Networks that normalise the image themselves, so that nothing is to be folded (spec/baselines.md §4). */
const NORMALISING: ReadonlySet<string> = new Set(["mask-rcnn"]);
/** Options that change what the authors' weights compute. */
const AUTHORS_OPTIONS = [
  "resRelu",
  "luInput",
  "fusionInput",
  "stridePadding",
  "compositeRelu",
  "auxBlock",
  "aux100x",
] as const;

/** The same for HoVer-Net. */
const HOVER_OPTIONS = ["stridePadding", "backbone"] as const;

/** Our own names, as safetensors files and checkpoints have them. */
const OWN: WeightFamily = {
  title: "Renograde's own naming",
  marks: [],
  kernels: "OIHW",
  colors: "RGB",
  theirs: (ours) => ours,
  isExtra: (theirs) => theirs.startsWith("adam."),
};

/**
 * Reads what `init.*` names; null when it names nothing.
 *
 * @throws UsageError when the configuration does not fit such weights (width, preset, classes)
 * @throws DataError naming the tensors that do not fit; FileAccessError, FileFormatError for the file itself
 */
export async function initialWeights(
  config: TrainConfig,
  classes: ClassScheme,
): Promise<InitialWeights | null> {
  const { encoder, weights, from } = config.init;
  const network = networkOf(config, classes);
  if (encoder !== null) return await encoderWeights(encoder, network, config);
  if (weights !== null) return await allWeights(weights, network, classes);
  return from === null ? null : await earlierRun(from, network, config, classes);
}

/** Loaded values over fresh ones. */
export function withInitialWeights(fresh: StateDict, initial: InitialWeights): StateDict {
  return new Map([...fresh].map(([name, tensor]) => [name, initial.state.get(name) ?? tensor]));
}

function describe(
  option: InitRecord["option"],
  weights: WeightsRecord,
  state: StateDict,
  facts: Pick<InitRecord, "family" | "ofTensors" | "foldedNormalisation" | "fresh">,
): InitRecord {
  const values = [...state.values()].reduce((sum, { shape }) => sum + elements(shape), 0);
  return { option, ...weights, ...facts, tensors: state.size, values };
}

/** Families that may fill the encoder of a network with these parameters. */
function encoderFamilies(specs: readonly ParameterSpec[]): readonly WeightFamily[] {
  const names = new Set(specs.map((spec) => spec.name));
  if (names.has("encoder.group0.bnlast.weight")) return [TENSORPACK_PREACT50, HOVER_PREACT50];
  if (names.has("encoder.group0.block0.bn3.weight")) return [TORCHVISION_RESNET50];
  return names.has("encoder.group0.block0.bn2.weight") ? [TORCHVISION_RESNET34, TENSORPACK_RESNET34] : [];
}

async function encoderWeights(path: string, network: Network, config: TrainConfig): Promise<InitialWeights> {
  const specs = declareParameters(network).filter((spec) => spec.name.startsWith("encoder."));
  const families = encoderFamilies(specs);
  if (families.length === 0) {
    throw new UsageError(
      `init.encoder: ${network.name} has no encoder that pretrained weights are known for; leave it out`,
    );
  }
  requireFullWidth("init.encoder", config.net.width);
  const weights = await readWeights(path);
  const family = familyOf(weights, families);
  if (family === undefined) {
    throw new DataError(
      `${path}: does not hold the encoder of ${network.name} (${describeNames(weights.tensors)}); expected ${families.map((f) => f.title).join(" or ")}`,
    );
  }
  const { state: loaded } = await translate(weights, family, specs);
  const fold = config.init.foldImagenetNorm && !NORMALISING.has(network.name);
  const state = fold ? foldNormalisation(loaded, family.colors) : loaded;
  const record = describe("init.encoder", recordOf(weights), state, {
    family: family.title,
    ofTensors: specs.length,
    foldedNormalisation: fold,
    fresh: missing(specs, state),
  });
  return { state, record, notes: [] };
}

async function allWeights(path: string, network: Network, classes: ClassScheme): Promise<InitialWeights> {
  const weights = await readWeights(path);
  const specs = declareParameters(network);
  const foreign = familyOf(weights, wholeFamilies(network));
  if (foreign !== undefined) requireSettings(path, network, classes);
  else if (!specs.some((spec) => weights.tensors.has(spec.name))) {
    throw new DataError(
      `${path}: holds nothing of ${network.name} (${describeNames(weights.tensors)}); expected its own parameter names${wholeFamilies(
        network,
      )
        .map((f) => ` or ${f.title}`)
        .join("")}`,
    );
  }
  const family = foreign ?? OWN;
  const { state } = await translate(weights, family, specs);
  const record = describe("init.weights", recordOf(weights), state, {
    family: family.title,
    ofTensors: specs.length,
    foldedNormalisation: false,
    fresh: [],
  });
  return { state, record, notes: [] };
}

async function earlierRun(
  path: string,
  network: Network,
  config: TrainConfig,
  classes: ClassScheme,
): Promise<InitialWeights> {
  const specs = declareParameters(network);
  const { weights, state, fresh, notes } = await warmStart(path, {
    specs,
    classes,
    networkOf: (scheme) => networkOf(config, scheme),
    net: config.net,
    mpp: config.data.mpp,
  });
  const record = describe("init.from", recordOf(weights), state, {
    family: OWN.title,
    ofTensors: specs.length,
    foldedNormalisation: false,
    fresh,
  });
  return { state, record, notes };
}

const missing = (specs: readonly ParameterSpec[], state: StateDict): string[] =>
  specs.filter((spec) => !state.has(spec.name)).map((spec) => spec.name);

function describeNames(tensors: ReadonlyMap<string, unknown>): string {
  return tensors.size === 0
    ? "no tensors"
    : `its tensors are ${[...tensors.keys()].slice(0, 3).join(", ")}, …`;
}

function requireFullWidth(option: string, width: number): void {
  if (width === 1) return;
  throw new UsageError(
    `${option}: pretrained weights have the full number of channels, so net.width must be 1; received ${width}`,
  );
}

/** Families that may fill a whole network. */
function wholeFamilies(network: Network): readonly WeightFamily[] {
  if (CHR_FAMILY.has(network.name)) return [authorsFamily(network.name)];
  return network.name === "hover-net" ? [HOVER_NET_TORCH, HOVER_NET_TENSORPACK] : [];
}

/** Published weights mean something only in the structure and with the classes they were trained with. */
function requireSettings(path: string, network: Network, classes: ClassScheme): void {
  const options: Readonly<Record<string, unknown>> = { ...network.options };
  const isChr = CHR_FAMILY.has(network.name);
  const wrong = (isChr ? AUTHORS_OPTIONS : HOVER_OPTIONS).filter(
    (key) => options[key] !== NET_PRESETS.reference[key],
  );
  if (wrong.length > 0) {
    throw new UsageError(
      `${path}: weights in their authors' naming need preset: reference; net.${wrong.join(", net.")} differ from it`,
    );
  }
  const same =
    classes.classes.length === RCC_CLASSES.classes.length &&
    RCC_CLASSES.tasks.every((task, t) => task.merge.join() === classes.tasks[t]!.merge.join());
  if (isChr && !same) {
    throw new UsageError(
      `${path}: weights in their authors' naming have the classes ${RCC_CLASSES.classes.map((c) => c.name).join(", ")}; received ${classes.classes.map((c) => c.name).join(", ")}`,
    );
  }
}
