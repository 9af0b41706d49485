import { RCC_CLASSES } from "@renograde/core";
import { describe, expect, it } from "vitest";
import {
  defaultTasks,
  NUCLEUS_CLASSES,
  parseClassMapping,
  parseInstanceClasses,
  schemeFromNames,
} from "./class-map.js";

describe("defaultTasks", () => {
  it("is the published pair of merges for four classes", () => {
    expect(defaultTasks(4).map((t) => t.merge)).toEqual(RCC_CLASSES.tasks.map((t) => t.merge));
  });
  it("leaves one and two classes alone", () => {
    expect(defaultTasks(1).map((t) => t.merge)).toEqual([
      [0, 1],
      [0, 1],
    ]);
    expect(NUCLEUS_CLASSES.classes.map((c) => c.name)).toEqual(["Nucleus"]);
  });
});

describe("schemeFromNames", () => {
  it("recognises the classes of renal cell carcinoma", () => {
    expect(schemeFromNames("x", ["grade 1", "Grade 2", "Grade 3", "endothelial"])).toBe(RCC_CLASSES);
  });
});

describe("parseClassMapping", () => {
  it("reads the usual merge of CoNSeP", () => {
    const { scheme, targets } = parseClassMapping(
      JSON.stringify({
        1: 1,
        2: 2,
        3: 3,
        4: 3,
        5: 4,
        6: 4,
        7: 4,
        names: ["other", "inflammatory", "epithelial", "spindle"],
      }),
      "classes.json",
    );
    expect([...(targets ?? [])]).toEqual([
      [1, 1],
      [2, 2],
      [3, 3],
      [4, 3],
      [5, 4],
      [6, 4],
      [7, 4],
    ]);
    expect(scheme.classes.map((c) => c.name)).toEqual(["other", "inflammatory", "epithelial", "spindle"]);
  });

  it("reads colours and merge tables", () => {
    const { scheme } = parseClassMapping(
      JSON.stringify({
        1: 1,
        2: 2,
        names: ["a", "b"],
        colors: [
          [1, 2, 3],
          [4, 5, 6],
        ],
        tasks: [
          [0, 1, 1],
          [0, 1, 2],
        ],
      }),
      "classes.json",
    );
    expect(scheme.classes[1]!.color).toEqual([4, 5, 6]);
    expect(scheme.tasks[0].merge).toEqual([0, 1, 1]);
  });

  it.each([
    ["{", "not valid JSON"],
    ["[]", "expected an object"],
    ['{"1": 1.5}', "class 1 maps to 1.5"],
    ['{"1": 0}', "no class is kept"],
    ['{"1": 1, "2": 2}', '"names" must list the 2 target classes'],
    ['{"1": 1, "names": ["a"], "colours": []}', 'unknown entry "colours"'],
    ['{"1": 1, "names": ["a"], "colors": [[1,2]]}', '"colors" must have'],
    ['{"1": 1, "names": ["a"], "tasks": [[0,1]]}', '"tasks" must be two merge tables'],
    ['{"1": 1, "names": ["a"], "tasks": [[0,2],[0,1]]}', "without gaps"],
  ])("rejects %s", (text, message) => {
    expect(() => parseClassMapping(text, "classes.json")).toThrow(message);
  });
});

describe("parseInstanceClasses", () => {
  it("reads names and numbers", () => {
    const { names, classOf } = parseInstanceClasses(
      '{"class_names": {"1": "other"}, "instance_class": {"1": 1, "2": 1}}',
      "a.json",
    );
    expect([...names]).toEqual([[1, "other"]]);
    expect([...classOf]).toEqual([
      [1, 1],
      [2, 1],
    ]);
  });
  it.each([
    ["nope", "a.json: not valid JSON"],
    ["{}", '"class_names" and "instance_class"'],
    ['{"class_names": {}, "instance_class": {"1": "x"}}', 'instance_class["1"] is "x"'],
  ])("rejects %s", (text, message) => {
    expect(() => parseInstanceClasses(text, "a.json")).toThrow(message);
  });
});
