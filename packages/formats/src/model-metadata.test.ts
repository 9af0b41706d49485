import { DEFAULT_POST_OPTIONS, ModelError, RCC_CLASSES } from "@renograde/core";
import { describe, expect, it } from "vitest";
import { encodeModelMetadata, type ModelMetadata, parseModelMetadata, tuningText } from "./model-metadata.js";

const MODEL: ModelMetadata = {
  format: 1,
  name: "chr-net-synthetic",
  network: "chr-net",
  preset: "paper",
  width: 0.5,
  precision: "float32",
  classes: RCC_CLASSES,
  mpp: 0.25,
  window: 262,
  output: 256,
  kept: 200,
  inputScale: 1 / 255,
  inputName: "image",
  outputs: [
    {
      name: "maps",
      channels: [
        { kind: "class", id: 0 },
        { kind: "class", id: 1 },
        { kind: "nucleus" },
        { kind: "distance" },
      ],
      stride: 1,
    },
    { name: "tasks", channels: [{ kind: "task", task: 1, id: 2 }], stride: 2 },
  ],
  post: DEFAULT_POST_OPTIONS,
  training: {
    data: "synthetic sections",
    synthetic: true,
    seed: 1,
    epochs: 2,
    steps: 300,
    scores: { pq: 0.7 },
    scoresOn: "synthetic test split",
  },
  licence: "Apache-2.0",
  intendedUse: "Research use only.",
  parameterHash: "0123456789abcdef".repeat(4),
  renogradeVersion: "0.1.0",
};
const PATH = "model.onnx";

/** A changed copy: the dotted `field` set to `value`, or removed when undefined. */
function withField(field: string, value: unknown): Record<string, string> {
  const copy = structuredClone(MODEL) as unknown as Record<string, unknown>;
  const names = field.split(".");
  const last = names.pop()!;
  const owner = names.reduce((object, name) => object[name] as Record<string, unknown>, copy);
  if (value === undefined) delete owner[last];
  else owner[last] = value;
  return { renograde: JSON.stringify(copy) };
}

describe("model metadata", () => {
  it("come back as they were written", () => {
    expect(parseModelMetadata(encodeModelMetadata(MODEL), PATH)).toEqual(MODEL);
  });

  it("say how their constants were found, where they were tuned", () => {
    const tuning = {
      data: "valid of a data set",
      images: 3,
      score: "pq",
      before: 0.5,
      after: 0.6,
      low: -0.01,
      high: 0.2,
      replaced: { h: 150 },
    };
    const tuned = { ...MODEL, tuning };
    expect(parseModelMetadata(encodeModelMetadata(tuned), PATH)).toEqual(tuned);
    expect(tuningText(tuning)).toBe(
      "for pq on valid of a data set: 0.5000 to 0.6000 on the images that chose, difference +0.1000 (95 % interval −0.0100 to +0.2000); h was 150",
    );
    expect(() => parseModelMetadata(withField("tuning", { ...tuning, images: 0, low: "x" }), PATH)).toThrow(
      /tuning\.images must be a whole number from 1, received 0; tuning\.low must be a number/,
    );
  });

  it("leave alone fields of later versions", () => {
    expect(() => parseModelMetadata(withField("training.tiles", 7), PATH)).not.toThrow();
  });

  it("are missing in other models", () => {
    expect(() => parseModelMetadata({ author: "x" }, PATH)).toThrow(
      /^model\.onnx: has no Renograde metadata; export it with `renograde export`/,
    );
  });

  it.each([
    ["name", "a/b", /name must be a file-name safe text.*received "a\/b"/],
    ["preset", "other", /preset must be one of "paper", "reference", received "other"/],
    ["mpp", 0, /mpp must be a number above 0, received 0/],
    ["window", 262.5, /window must be a whole number from 1, received 262.5/],
    ["post.h", 300, /post\.h must be a whole number from 0 to 255, received 300/],
    ["post.watershedTies", undefined, /post\.watershedTies must be one of .*received undefined/],
    ["post", null, /post must be an object, received null/],
    ["training.scores.pq", "0.7", /training\.scores\.pq must be a number, received "0\.7"/],
    ["outputs", [], /outputs must be a list that is not empty/],
    ["outputs.0.channels.1.kind", "toString", /outputs\[0\]\.channels\[1\]\.kind must be one of "class"/],
    ["outputs.1.channels.0.task", 2, /outputs\[1\]\.channels\[0\]\.task must be one of 0, 1, received 2/],
    ["classes.classes.2.color", [0, 0], /classes: class "Grade 3": colour must be three integers/],
    ["classes.tasks.0.merge", [0, 1], /classes: task .* merge table/],
    ["classes.classes.0.name", 7, /classes\.classes\[0\]\.name must be text, received 7/],
    ["parameterHash", "abc", /parameterHash must be 64 hexadecimal digits/],
    ["format", 2, /format 2, but this Renograde reads format 1; use a newer Renograde/],
    ["format", 0, /format must be one of 1, received 0/],
  ])("name the wrong field: %s", (field, value, message) => {
    expect(() => parseModelMetadata(withField(field, value), PATH)).toThrow(message);
    expect(() => parseModelMetadata(withField(field, value), PATH)).toThrow(ModelError);
  });

  it("name every wrong field at once", () => {
    const copy = { ...MODEL, mpp: -1, network: "" };
    expect(() => parseModelMetadata({ renograde: JSON.stringify(copy) }, PATH)).toThrow(
      /network must be.*; mpp must be/,
    );
    expect(() => parseModelMetadata({ renograde: "{}" }, PATH)).toThrow(
      /format must.*licence must.*renogradeVersion/,
    );
  });

  it("refuse text that is no JSON, or not an object", () => {
    expect(() => parseModelMetadata({ renograde: "{" }, PATH)).toThrow(/not JSON/);
    expect(() => parseModelMetadata({ renograde: "[]" }, PATH)).toThrow(/metadata must be an object/);
  });
});
