/**
 * The options of the specification that `--set` takes when no training is involved: `post.*`, `infer.*`,
 * `export.*`.
 *
 * @module
 */
import { DEFAULT_POST_OPTIONS, INSTANCE_METHODS, type PostOptions, UsageError } from "@renograde/core";
import { parseAssignments } from "./context.js";

/** Changes to post-processing and inference. */
export interface PostAndInfer {
  readonly post?: Partial<PostOptions>;
  readonly step?: number;
  readonly flipTTA?: boolean;
  readonly dropDegenerate?: boolean;
}

const isByte = (v: unknown): boolean => Number.isInteger(v) && Number(v) >= 0 && Number(v) <= 255;
const isBoolean = (v: unknown): boolean => typeof v === "boolean";
const isCount = (v: unknown): boolean => Number.isInteger(v) && Number(v) >= 0;

/** What each post option accepts. */
const POST: Record<keyof PostOptions, readonly [accepts: (value: unknown) => boolean, expected: string]> = {
  method: [(v) => INSTANCE_METHODS.some((name) => name === v), INSTANCE_METHODS.join(" or ")],
  h: [isByte, "a whole number 0 to 255"],
  threshold: [isByte, "a whole number 0 to 255"],
  minArea: [isCount, "a whole number of pixels"],
  voteBackground: [isBoolean, "true or false"],
  keepUnmarked: [isBoolean, "true or false"],
  backgroundIsZero: [isBoolean, "true or false"],
  watershedTies: [
    (v) => v === "skimage-legacy" || v === "skimage-0.25.2" || v === "component",
    "skimage-legacy, skimage-0.25.2 or component",
  ],
  dilate: [isCount, "a whole number of pixels"],
};

const OTHER: Record<string, readonly [accepts: (value: unknown) => boolean, expected: string]> = {
  "infer.step": [(v) => Number.isInteger(v) && Number(v) > 0, "a whole number of pixels above 0"],
  "infer.flipTTA": [isBoolean, "true or false"],
  "export.dropDegenerate": [isBoolean, "true or false"],
};

/** First part of the keys a command takes. */
export type SettingGroup = "post" | "infer" | "export";

/**
 * Reads `--set` assignments.
 *
 * @param groups - those the command has a use for; keys of others are refused as unknown
 * @throws UsageError listing every mistake
 */
export function postAndInferOptions(
  assignments: readonly string[],
  groups: readonly SettingGroup[],
): PostAndInfer {
  const rules = new Map(
    [
      ...Object.keys(DEFAULT_POST_OPTIONS).map(
        (key) => [`post.${key}`, POST[key as keyof PostOptions]] as const,
      ),
      ...Object.entries(OTHER),
    ].filter(([key]) => groups.some((group) => key.startsWith(`${group}.`))),
  );
  const values = parseAssignments(assignments);
  const mistakes = Object.entries(values).flatMap(([key, value]) => {
    const rule = rules.get(key);
    if (rule === undefined) return [`--set ${key}: unknown option`];
    return rule[0](value) ? [] : [`--set ${key}: expected ${rule[1]}, received ${JSON.stringify(value)}`];
  });
  if (mistakes.length > 0) {
    throw new UsageError([...mistakes, `known are ${[...rules.keys()].join(", ")}`].join("\n"));
  }
  const post = Object.fromEntries(
    Object.entries(values).flatMap(([key, value]) =>
      key.startsWith("post.") ? [[key.slice(5), value]] : [],
    ),
  ) as Partial<PostOptions>;
  const pick = <Value>(key: string): Value | undefined => values[key] as Value | undefined;
  const step = pick<number>("infer.step");
  const flipTTA = pick<boolean>("infer.flipTTA");
  const dropDegenerate = pick<boolean>("export.dropDegenerate");
  return {
    ...(Object.keys(post).length > 0 ? { post } : {}),
    ...(step === undefined ? {} : { step }),
    ...(flipTTA === undefined ? {} : { flipTTA }),
    ...(dropDegenerate === undefined ? {} : { dropDegenerate }),
  };
}
