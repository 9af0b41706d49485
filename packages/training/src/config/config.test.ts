import { ConfigError, isRenogradeError } from "@renograde/core";
import { describe, expect, it } from "vitest";
import { configTable, listOptions } from "./docs.js";
import { closestWord, editDistance } from "./issues.js";
import { formatConfig, parseConfig } from "./load-config.js";

function issuesOf(text: string, set: string[] = []) {
  try {
    parseConfig(text, { source: "run.yaml", set });
  } catch (error) {
    if (isRenogradeError(error, "ConfigError")) return error.issues;
    throw error;
  }
  throw new Error("no ConfigError was thrown");
}

describe("parseConfig", () => {
  it("fills in the published defaults", () => {
    const config = parseConfig("");
    expect(config.loss).toEqual({
      lambdaBc: 1,
      lambdaDist: 2,
      lambdaMc1: 1,
      lambdaMc2: 1,
      lambdaMcf: 1,
      dice: false,
      lambdaMse: 2,
      lambdaMsge: 1,
      msgeAxis: "own",
    });
    expect(config.data).toMatchObject({ window: 512, step: 256, crop: 262, erodeBoundary: 1 });
    expect(config.train.phases).toEqual([
      {
        epochs: 50,
        lr: 1e-4,
        lrDrop: 1e-5,
        lrDropAfter: 25,
        lrDecay: 1,
        lrDecayEvery: 10,
        batch: null,
        freeze: true,
      },
      {
        epochs: 50,
        lr: 1e-4,
        lrDrop: 1e-5,
        lrDropAfter: 25,
        lrDecay: 1,
        lrDecayEvery: 10,
        batch: 6,
        freeze: false,
      },
    ]);
    expect(config.post).toMatchObject({ h: 150, threshold: 40, minArea: 10 });
  });

  it("lets an explicit option win over the preset, and changes nothing the preset does not name", () => {
    const config = parseConfig("preset: reference\nnet:\n  luInput: probabilities\n");
    expect(config.net).toMatchObject({
      resRelu: "group",
      gcInit: "xavier",
      luInput: "probabilities",
      fusionInput: "logits",
      stridePadding: "tf-same",
      aux100x: "decimate",
    });
    expect(config.loss.lambdaDist).toBe(1);
    expect(parseConfig("", { set: ["preset=reference", "loss.lambdaDist=3"] }).loss.lambdaDist).toBe(3);
  });

  it("reports impossible combinations beside wrong values, and none that depends on a wrong value", () => {
    const messages = (...set: string[]) => {
      try {
        parseConfig("", { set });
      } catch (error) {
        return (error as ConfigError).issues.map(({ path }) => path);
      }
      return [];
    };
    expect(messages("aug.preset=all", "data.crop=263", "train.lr=1")).toEqual([
      "aug.preset",
      "train.lr",
      "data.crop",
      "data.window",
    ]);
    expect(messages("data.crop=many", "data.window=260")).toEqual(["data.crop"]);
    expect(messages("net.network=chr", "data.crop=263")).toEqual(["net.network"]);
  });

  it("tells what to write instead of the words freeze once had", () => {
    const freeze = (word: string) => () => parseConfig(`train: {phases: [{freeze: ${word}}]}`);
    expect(freeze("none")).toThrow(/expected true or false, received "none"; write freeze: false/);
    expect(freeze("encoder")).toThrow(/; write freeze: true, and train.freezeScope: encoder/);
  });

  it("reports all mistakes at once with line, column and the probable meaning", () => {
    const issues = issuesOf(
      ["net:", "  widht: 0.5", "  resRelu: blok", "train:", "  batch: 2.5", "  phases:", "    - lr: -1"].join(
        "\n",
      ),
    );
    expect(issues).toEqual([
      {
        path: "net.resRelu",
        message: 'expected one of block, group, received "blok"; did you mean "block"?',
        line: 3,
        column: 12,
      },
      { path: "net.widht", message: 'unknown option; did you mean "width"?', line: 2, column: 3 },
      { path: "train.batch", message: "expected a whole number, received 2.5", line: 5, column: 10 },
      { path: "train.phases.0.lr", message: "expected a number above 0, received -1", line: 7, column: 11 },
    ]);
  });

  it("prints one line per mistake that starts with file:line:column", () => {
    expect(() => parseConfig("trian:\n  epochs: 1\n", { source: "run.yaml" })).toThrow(
      'run.yaml:1:1  trian: unknown option; did you mean "train"?',
    );
  });

  it("places YAML syntax errors", () => {
    expect(issuesOf("net: [1, 2\ntrain: 3")[0]).toMatchObject({ path: "YAML", line: 2 });
    expect(issuesOf("just text")[0]?.message).toContain('received "just text"');
  });

  it("applies --set after the file, with YAML values and list entries", () => {
    const config = parseConfig("train:\n  batch: 2\n", {
      set: ["train.batch=4", "train.phases.0.epochs=3", "loss.dice=true", "split.fractions=[0.5, 0.5, 0]"],
    });
    expect(config.train.batch).toBe(4);
    expect(config.train.phases[0]).toMatchObject({ epochs: 3, lr: 1e-4 });
    expect(config.loss.dice).toBe(true);
    expect(config.split.fractions).toEqual([0.5, 0.5, 0]);
  });

  it("names the override that is wrong", () => {
    expect(issuesOf("", ["train.batch=many", "nonsense"])).toEqual([
      { path: "nonsense", message: "expected key=value such as train.batch=4", override: "nonsense" },
      { path: "train.batch", message: 'expected a number, received "many"', override: "train.batch=many" },
    ]);
    const set = ["nonsense", "train.batch=many", "net={width: 0}"];
    expect(() => parseConfig("", { source: "run.yaml", set })).toThrow(
      [
        "--set nonsense: expected key=value such as train.batch=4",
        "--set net={width: 0}: net.width: expected at least 0.01, received 0",
        '--set train.batch=many: expected a number, received "many"',
      ].join("\n"),
    );
  });

  it("checks what one option demands of another", () => {
    expect(issuesOf("data:\n  crop: 264\n").map((i) => i.path)).toEqual(["data.crop"]);
    expect(issuesOf("data:\n  window: 200\n").map((i) => i.path)).toEqual(["data.window", "data.step"]);
    expect(issuesOf("train:\n  accumulate: 3\n")[0]).toMatchObject({ line: 2, column: 15 });
    expect(issuesOf("split:\n  fractions: [0.5, 0.1, 0.1]\n").map((i) => i.path)).toEqual([
      "split.fractions",
    ]);
    expect(parseConfig("data: {window: 70, step: 64, crop: 70}").data.crop).toBe(70);
    expect(issuesOf("data:\n  patientPattern: '('\n")).toMatchObject([
      { path: "data.patientPattern", line: 2, column: 19 },
    ]);
  });

  it("exits with status 2", () => {
    expect(new ConfigError("x", []).exitCode).toBe(2);
  });

  it("writes a file that reads back as the same configuration", () => {
    const config = parseConfig("preset: reference\ntrain: {batch: 2, phases: [{epochs: 1}, {epochs: 2}]}");
    expect(parseConfig(formatConfig(config))).toEqual(config);
  });
});

describe("documentation of the options", () => {
  it("describes every option with a default", () => {
    for (const option of listOptions()) {
      expect(option.description, option.name).not.toBe("");
      expect(option.default, option.name).not.toBeUndefined();
    }
  });

  it("makes a table row per option", () => {
    const table = configTable();
    expect(table).toContain("| `loss.lambdaDist` | number, 0 to 1000 | `2` | weight of the distance error");
    expect(table).toContain("| `train.phases[].lr` | number, above 0 to 10 | `0.0001` |");
  });
});

describe("closestWord", () => {
  it("counts a swap of neighbours as one edit", () => {
    expect(editDistance("widht", "width")).toBe(1);
    expect(editDistance("kitten", "sitting")).toBe(3);
  });
  it("gives nothing for a word that is like none", () => {
    expect(closestWord("zzzzzz", ["train", "net"])).toBeUndefined();
  });

  it("gives every network its own patches and schedule, which a file may overrule", () => {
    const config = parseConfig("net: {network: dist}\nregime: code\ndata: {step: 168}");
    expect(config.data).toMatchObject({ window: 536, step: 168, crop: 268, erodeBoundary: 0 });
    expect(config.train.phases).toMatchObject([{ epochs: 80, lr: 1e-3, lrDecay: 0.96, lrDecayEvery: 10 }]);
    expect(parseConfig("net: {network: u-net}")).toMatchObject({
      data: { window: 512, step: 356, crop: 390, erodeBoundary: 1 },
      optim: { weightDecay: 1e-5 },
      train: { phases: [{ freeze: true }, { batch: 6 }] },
    });
    expect(parseConfig("net: {network: hover-net}")).toMatchObject({
      net: { hoverWindow: 270 },
      data: { window: 540, step: 164, crop: 270, erodeBoundary: 0 },
      train: { phases: [{ freeze: true, epochs: 50 }, { batch: 6 }] },
    });
    expect(parseConfig("net: {network: hover-net, hoverWindow: 256}").data).toMatchObject({
      window: 512,
      crop: 256,
    });
    const hover = parseConfig("net: {network: hover-net}\nregime: code");
    expect(hover).toMatchObject({
      net: { hoverWindow: 350 },
      data: { window: 400, step: 160, crop: 350 },
      train: { batch: 8, phases: [{ freeze: true, epochs: 40, lrDropAfter: 20 }, { batch: 4 }] },
    });
    expect(parseConfig("net: {network: mask-rcnn}")).toMatchObject({
      data: { window: 640, step: 512, crop: 512, erodeBoundary: 0 },
      train: { batch: 2, phases: [{ freeze: true }, { freeze: false }] },
      post: { threshold: 127, minArea: 9 },
    });
    expect(() => parseConfig("net: {network: micro-net}\ndata: {crop: 262}")).toThrow(/data\.crop: expected/);
  });
});
