/**
 * What a model file says of itself: the contract between training and grading. It is one JSON document in the
 * ONNX file's metadata under the key `renograde`; grading reads it from the file's bytes and from nowhere else.
 *
 * @module
 */
import {
  type ClassScheme,
  INSTANCE_METHODS,
  isRenogradeError,
  ModelError,
  type PostOptions,
  STAIN_NORM_METHODS,
  type StainNormMethod,
  validateClassScheme,
} from "@renograde/core";
import { describeValue, isRecord } from "./text.js";

/** Meaning of one output channel. Class channels carry the class id of the scheme; 0 is background. */
export type OutputChannel =
  | { readonly kind: "class"; readonly id: number }
  | { readonly kind: "nucleus" }
  | { readonly kind: "distance" }
  /** Offset from the nucleus' centre along x or y, −1…1 (HoVer-Net). */
  | { readonly kind: "offset"; readonly axis: "x" | "y" }
  /** Softmax channel `id` of cross-category task 0 or 1. */
  | { readonly kind: "task"; readonly task: 0 | 1; readonly id: number }
  /** Number of the nucleus, of the maps that detections are painted into. */
  | { readonly kind: "instance" }
  /** Of `detections`, four columns: x1, y1, x2, y2 in window pixels. */
  | { readonly kind: "box" }
  /** Of `detections`, one column: 0…1. */
  | { readonly kind: "score" }
  /** Of `detections`, one column: class id, 1…K. */
  | { readonly kind: "label" }
  /** Of `detections`, `count` columns: class probabilities, background first. */
  | { readonly kind: "probabilities"; readonly count: number }
  /** Of `detections`, `side`² columns: probability of the object in each cell of its box, row-major. */
  | { readonly kind: "mask"; readonly side: number };

/** One output of the graph. */
export interface ModelOutput {
  /**
   * `maps`: the 7 channels of spec/network.md §1, or those other networks have.
   * `tasks`: both task softmaxes, task 1 first. `detections`: a list of objects instead of maps, `[D, columns]`; its
   * graphs take one image at a time.
   */
  readonly name: "maps" | "tasks" | "detections";
  readonly channels: readonly OutputChannel[];
  /** Output pixels are this many image pixels wide: 1 for `maps`, 2 for `tasks`. */
  readonly stride: number;
}

/** How the post-processing constants of a model were found (`renograde tune`). */
export interface ModelTuning {
  /** One sentence: the set they were found on. */
  readonly data: string;
  readonly images: number;
  /** Score that was made large: `pq`, `aPQ`, `aji` or `dice`. */
  readonly score: string;
  /** The score on that set with {@link replaced} and with the new constants. */
  readonly before: number;
  readonly after: number;
  /** 95 % interval of after − before over resampled images. */
  readonly low: number;
  readonly high: number;
  /** Constants that changed, with their values before. */
  readonly replaced: Readonly<Partial<Record<keyof PostOptions, number>>>;
}

/** Everything grading needs to know of a network. */
export interface ModelMetadata {
  /** Version of this document. */
  readonly format: 1;
  /** Short name, such as `chr-net-synthetic`; file-name safe. */
  readonly name: string;
  /** Architecture, such as `chr-net`, `shr`. */
  readonly network: string;
  readonly preset: "paper" | "reference";
  /** Channel multiplier. */
  readonly width: number;
  readonly precision: "float32" | "int8";
  readonly classes: ClassScheme;
  /** Micrometres per pixel the network was trained at. */
  readonly mpp: number;
  /** Input side, output side and kept centre in pixels: 262, 256, 200. */
  readonly window: number;
  readonly output: number;
  readonly kept: number;
  /** Network input = byte × this, RGB order, `[N, 3, window, window]`. */
  readonly inputScale: number;
  readonly inputName: string;
  readonly outputs: readonly ModelOutput[];
  readonly post: PostOptions;
  /** Where {@link post} comes from when `renograde tune` found it; absent for the constants the model was exported with. */
  readonly tuning?: ModelTuning;
  readonly training: {
    /** One sentence: which data, which split. */
    readonly data: string;
    /** True when no real tissue was used. */
    readonly synthetic: boolean;
    readonly seed: number;
    readonly epochs: number;
    readonly steps: number;
    /** Measured scores by name, with the set they were measured on in {@link scoresOn}. */
    readonly scores: Readonly<Record<string, number>>;
    readonly scoresOn: string;
  };
  /** Stain normalisation of all training images, which images to be graded need as well; absent: none. */
  readonly stainNorm?: {
    readonly method: StainNormMethod;
    /** Name of the image whose stains all were given; null: the published reference of the method. */
    readonly target: string | null;
  };
  /** SPDX expression or sentence for the weights. */
  readonly licence: string;
  /** Always says research use only. */
  readonly intendedUse: string;
  /** SHA-256 of the parameters, hexadecimal. */
  readonly parameterHash: string;
  readonly renogradeVersion: string;
}

/** {@link ModelTuning} as a sentence for model cards. */
export function tuningText({ data, score, before, after, low, high, replaced }: ModelTuning): string {
  const signed = (value: number): string => `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(4)}`;
  const changes = Object.entries(replaced).map(([name, value]) => `${name} was ${value}`);
  return `for ${score} on ${data}: ${before.toFixed(4)} to ${after.toFixed(4)} on the images that chose, difference ${signed(after - before)} (95 % interval ${signed(low)} to ${signed(high)}); ${changes.length === 0 ? "nothing changed" : changes.join(", ")}`;
}

/** Columns of one row of an output of detections. */
export function detectionColumns(channels: readonly OutputChannel[]): number {
  return channels.reduce((sum, channel) => {
    if (channel.kind === "box") return sum + 4;
    if (channel.kind === "probabilities") return sum + channel.count;
    return sum + (channel.kind === "mask" ? channel.side ** 2 : 1);
  }, 0);
}

/**
 * Channels of the maps that post-processing gets: those of the output `maps`, or those that detections are painted into
 * (`paintDetectionMaps`); undefined when there is neither.
 */
export function mapChannels(outputs: readonly ModelOutput[]): readonly OutputChannel[] | undefined {
  const maps = outputs.find((output) => output.name === "maps");
  if (maps) return maps.channels;
  const detections = outputs.find((output) => output.name === "detections");
  const classes = detections?.channels.find((channel) => channel.kind === "probabilities");
  if (!classes) return undefined;
  const ids = Array.from({ length: classes.count }, (_, id): OutputChannel => ({ kind: "class", id }));
  return [...ids, { kind: "nucleus" }, { kind: "instance" }];
}

/** Key of the document in the ONNX file's metadata. */
export const MODEL_METADATA_KEY = "renograde";

/** The document as ONNX metadata: one JSON text under {@link MODEL_METADATA_KEY}. Same document, same text. */
export function encodeModelMetadata(metadata: ModelMetadata): Record<string, string> {
  return { [MODEL_METADATA_KEY]: JSON.stringify(metadata) };
}

/**
 * Reads and checks the document.
 *
 * @param metadata - the ONNX file's metadata, as `readOnnxMetadata` gives them
 * @param path - the model file, for messages
 * @throws ModelError when there is no document, or naming every field that is wrong
 */
export function parseModelMetadata(metadata: Readonly<Record<string, string>>, path: string): ModelMetadata {
  const text = metadata[MODEL_METADATA_KEY];
  if (text === undefined) {
    throw new ModelError(
      path,
      "has no Renograde metadata; export it with `renograde export`, or grade its maps with `renograde postprocess`",
    );
  }
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch (cause) {
    throw new ModelError(path, "its Renograde metadata are not JSON; export the model again", { cause });
  }
  if (isRecord(document) && typeof document.format === "number" && document.format > 1) {
    throw new ModelError(
      path,
      `its metadata have format ${document.format}, but this Renograde reads format 1; use a newer Renograde`,
    );
  }
  const problems: string[] = [];
  MODEL_CHECK(document, "metadata", problems);
  if (problems.length > 0) {
    throw new ModelError(path, `its Renograde metadata are wrong: ${problems.join("; ")}`);
  }
  // Every field was checked above.
  return document as ModelMetadata;
}

/** Adds what is wrong with `value` at `where` to `problems`. */
type Check = (value: unknown, where: string, problems: string[]) => void;

const check =
  (expected: string, accepts: (value: unknown) => boolean): Check =>
  (value, where, problems) => {
    if (!accepts(value)) problems.push(`${where} must be ${expected}, received ${describeValue(value)}`);
  };

const isNumber = (value: unknown): value is number => typeof value === "number" && Number.isFinite(value);
const isWhole = (value: unknown, low: number, high = Number.MAX_SAFE_INTEGER): boolean =>
  Number.isSafeInteger(value) && (value as number) >= low && (value as number) <= high;

const text = check("text", (value) => typeof value === "string" && value !== "");
const boolean = check("true or false", (value) => typeof value === "boolean");
const positive = check("a number above 0", (value) => isNumber(value) && value > 0);
const whole = (low: number, high?: number): Check =>
  check(
    high === undefined ? `a whole number from ${low}` : `a whole number from ${low} to ${high}`,
    (value) => isWhole(value, low, high),
  );
const oneOf = (...names: readonly (string | number)[]): Check =>
  check(`one of ${names.map((name) => JSON.stringify(name)).join(", ")}`, (value) =>
    names.some((name) => name === value),
  );

/** An object with exactly these fields or more; more are left alone, so that later versions may add some. */
const object =
  (fields: Readonly<Record<string, Check>>): Check =>
  (value, where, problems) => {
    if (!isRecord(value)) {
      problems.push(`${where} must be an object, received ${describeValue(value)}`);
      return;
    }
    for (const [name, checkField] of Object.entries(fields)) {
      checkField(value[name], where === "metadata" ? name : `${where}.${name}`, problems);
    }
  };

const list =
  (checkItem: Check): Check =>
  (value, where, problems) => {
    if (!Array.isArray(value) || value.length === 0) {
      problems.push(`${where} must be a list that is not empty, received ${describeValue(value)}`);
      return;
    }
    for (const [i, item] of value.entries()) checkItem(item, `${where}[${i}]`, problems);
  };

const CLASSES_SHAPE = object({
  name: text,
  classes: list(object({ name: text, short: text, color: list(whole(0, 255)) })),
  tasks: list(object({ name: text, merge: list(whole(0, 254)) })),
});

const classScheme: Check = (value, where, problems) => {
  const before = problems.length;
  CLASSES_SHAPE(value, where, problems);
  if (problems.length > before) return;
  try {
    validateClassScheme(value as ClassScheme);
  } catch (error) {
    if (!isRenogradeError(error)) throw error;
    problems.push(`${where}: ${error.message}`);
  }
};

const CHANNEL_FIELDS: Readonly<Record<string, Check>> = {
  class: object({ id: whole(0, 254) }),
  nucleus: object({}),
  distance: object({}),
  offset: object({ axis: oneOf("x", "y") }),
  task: object({ task: oneOf(0, 1), id: whole(0, 254) }),
  box: object({}),
  score: object({}),
  label: object({}),
  probabilities: object({ count: whole(2, 255) }),
  mask: object({ side: whole(1, 1024) }),
};

const channel: Check = (value, where, problems) => {
  const kind = isRecord(value) ? value.kind : undefined;
  const fields =
    typeof kind === "string" && Object.hasOwn(CHANNEL_FIELDS, kind) ? CHANNEL_FIELDS[kind] : undefined;
  if (fields === undefined) oneOf(...Object.keys(CHANNEL_FIELDS))(kind, `${where}.kind`, problems);
  else fields(value, where, problems);
};

const number = check("a number", isNumber);

const numbers: Check = (value, where, problems) => {
  if (!isRecord(value)) problems.push(`${where} must be an object, received ${describeValue(value)}`);
  else for (const [name, score] of Object.entries(value)) number(score, `${where}.${name}`, problems);
};

const optional =
  (checkValue: Check): Check =>
  (value, where, problems) => {
    if (value !== undefined) checkValue(value, where, problems);
  };

const MODEL_CHECK = object({
  format: oneOf(1),
  name: check(
    "a file-name safe text (letters, digits, '.', '_', '-')",
    (value) => typeof value === "string" && /^[A-Za-z0-9][\w.-]*$/.test(value),
  ),
  network: text,
  preset: oneOf("paper", "reference"),
  width: positive,
  precision: oneOf("float32", "int8"),
  classes: classScheme,
  mpp: positive,
  window: whole(1),
  output: whole(1),
  kept: whole(1),
  inputScale: positive,
  inputName: text,
  outputs: list(
    object({ name: oneOf("maps", "tasks", "detections"), channels: list(channel), stride: whole(1) }),
  ),
  post: object({
    method: oneOf(...INSTANCE_METHODS),
    h: whole(0, 255),
    threshold: whole(0, 255),
    minArea: whole(0),
    voteBackground: boolean,
    keepUnmarked: boolean,
    backgroundIsZero: boolean,
    watershedTies: oneOf("skimage-legacy", "skimage-0.25.2", "component"),
    dilate: whole(0),
  }),
  tuning: optional(
    object({
      data: text,
      images: whole(1),
      score: text,
      before: number,
      after: number,
      low: number,
      high: number,
      replaced: numbers,
    }),
  ),
  training: object({
    data: text,
    synthetic: boolean,
    seed: whole(0),
    epochs: whole(0),
    steps: whole(0),
    scores: numbers,
    scoresOn: check("text", (value) => typeof value === "string"),
  }),
  stainNorm: optional(
    object({
      method: oneOf(...STAIN_NORM_METHODS),
      target: check("text or null", (value) => value === null || typeof value === "string"),
    }),
  ),
  licence: text,
  intendedUse: text,
  parameterHash: check(
    "64 hexadecimal digits",
    (value) => typeof value === "string" && /^[0-9a-f]{64}$/.test(value),
  ),
  renogradeVersion: text,
});
