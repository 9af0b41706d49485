/**
 * Help texts, and what the command says to wrong usage.
 *
 * @module
 */
import { expect, it } from "vitest";
import { describeCommand } from "./run.js";

const COMMANDS = [
  [],
  ["grade"],
  ["postprocess"],
  ["evaluate"],
  ["compare"],
  ["dataset"],
  ["dataset", "check"],
  ["dataset", "stats"],
  ["dataset", "split"],
  ["dataset", "gallery"],
  ["dataset", "convert"],
  ["dataset", "synthesize"],
  ["train"],
  ["export"],
  ["tune"],
  ["model"],
  ["model", "summary"],
  ["doctor"],
];

/** What was typed, and the error it must give, all with exit status 2. */
const MISTAKES: readonly (readonly [args: string, stderr: string])[] = [
  ["grad", "error: unknown command 'grad'\n(Did you mean grade?)"],
  ["dataset chek x", "error: unknown command 'chek'\n(Did you mean check?)"],
  ["doctor --jsn", "error: unknown option '--jsn'\n(Did you mean --json?)"],
  ["grade x.png", "error: required option '-o, --out <dir>' not specified"],
  ["dataset check", "error: missing required argument 'dir'"],
  ["model summary", "error: missing required argument 'name'"],
  ["doctor now", "error: too many arguments for 'doctor'. Expected 0 arguments but got 1."],
  ["train --data x", "error: train needs --data DIR and --run DIR; see renograde train --help"],
  ["grade x.png --out o --mpp -1", 'error: --mpp: expected a number above 0, received "-1"'],
  [
    "grade x.png --out o --formats json,foo",
    'error: --formats: unknown "foo"; choose from json, geojson, csv, mat, overlay, labels, report',
  ],
  [
    "grade x.png --out o --set post.h=999 --set post.x=1 --set infer.step=0",
    `error: --set post.h: expected a whole number 0 to 255, received 999
--set post.x: unknown option
--set infer.step: expected a whole number of pixels above 0, received 0
known are post.method, post.h, post.threshold, post.minArea, post.voteBackground, post.keepUnmarked, post.backgroundIsZero, post.watershedTies, post.dilate, infer.step, infer.flipTTA, export.dropDegenerate`,
  ],
  [
    "grade x.png --out o --set a --set =b",
    `error: --set a: expected key=value, for instance --set post.h=150
--set =b: expected key=value, for instance --set post.h=150`,
  ],
  [
    "evaluate --truth t --pred p --set metrics.eps=2 --set metrics.pooling=all",
    `error: metrics.eps: expected a number from 0 to below 1, received 2
metrics.pooling: expected "image" or "pooled", received "all"`,
  ],
  ["tune m.onnx --data d --out tuned.txt", "error: --out tuned.txt: expected a file name that ends in .onnx"],
  [
    "tune m.onnx --data d --score f1",
    "error: option '--score <score>' argument 'f1' is invalid. Allowed choices are pq, aPQ, aji, dice.",
  ],
  ["compare x ./x --truth t", "error: x: named twice; name two things to compare"],
  [
    "compare a b --truth t --set metrics.eps=2",
    "error: metrics.eps: expected a number from 0 to below 1, received 2",
  ],
  [
    "compare a tiny.onnx --truth t",
    "error: tiny.onnx is a model: compare needs --out DIR for what it predicts",
  ],
  [
    "dataset split x --by foo",
    "error: option '--by <unit>' argument 'foo' is invalid. Allowed choices are image, slide, patient.",
  ],
  [
    "dataset split x --fractions 0.5,0.5",
    'error: --fractions: expected the shares of train, valid and test that sum to 1, such as 0.7,0.1,0.2, received "0.5,0.5"',
  ],
  ["dataset convert x --out o", "error: required option '--from <kind>' not specified"],
  [
    "dataset synthesize --out o --section 64 --name ../x",
    'error: the name of a synthetic section must be a file name without folders, received "../x"',
  ],
  [
    "model summary tiny.onnx --set net.width=1",
    "error: --set net.width=1: the options of tiny.onnx are fixed; leave --set out",
  ],
];

describeCommand("usage", ({ run, runBuilt, files }) => {
  it("is the same in a process of its own", async () => {
    const [args] = MISTAKES[0]!;
    const here = [await run("--help"), await run(...args.split(" "))];
    expect(await Promise.all([runBuilt("--help"), runBuilt(...args.split(" "))])).toEqual(here);
  });

  it("shows the help of every command", async () => {
    const helps = await Promise.all(COMMANDS.map((command) => run(...command, "--help")));
    for (const help of helps) expect([help.status, help.stderr]).toEqual([0, ""]);
    expect(helps.map((help) => help.stdout).join("\n----\n\n")).toMatchSnapshot();
  });

  it("says what is wrong in one sentence, exits with 2 and writes nothing", async () => {
    const results = await Promise.all(MISTAKES.map(([args]) => run(...args.split(" "))));
    expect(results.map(({ status, stdout, stderr }) => [status, stdout, stderr.trimEnd()])).toEqual(
      MISTAKES.map(([, stderr]) => [2, "", stderr]),
    );
    expect(await files(".", true)).toEqual(["tiny.onnx"]);
  });

  it("refuses empty paths, which an unset variable makes of an argument", async () => {
    const [out, input] = await Promise.all([
      run("grade", "x.png", "--out", ""),
      run("grade", "", "--out", "o"),
    ]);
    expect([out.status, out.stderr]).toEqual([2, 'error: --out: expected a path, received ""\n']);
    expect([input.status, input.stderr]).toEqual([2, 'error: input: expected a path, received ""\n']);
  });

  it("prints its version", async () => {
    const { status, stdout } = await runBuilt("--version");
    expect([status, stdout]).toEqual([0, expect.stringMatching(/^\d+\.\d+\.\d+\n$/)]);
  });
});
