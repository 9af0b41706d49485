import { createNetwork } from "@renograde/nn";
import { describe, expect, it } from "vitest";
import { parseConfig } from "../config/load-config.js";
import { createPace } from "./pace.js";
import { parseLog } from "./run-log.js";
import { planBatches, planEpochs, stepsPerEpoch } from "./schedule.js";
import {
  createScoreKeeper,
  distanceTarget,
  isBetter,
  mapLayout,
  namedScores,
  selectionScore,
} from "./scores.js";

describe("planEpochs", () => {
  it("drops the rate after 25 epochs of each phase", () => {
    const epochs = planEpochs(parseConfig("train: {phases: [{}, {}]}").train.phases, 8);
    expect(epochs.length).toBe(100);
    expect([1, 25, 26, 50, 51, 75, 76, 100].map((e) => epochs[e - 1]!.lr)).toEqual([
      1e-4, 1e-4, 1e-5, 1e-5, 1e-4, 1e-4, 1e-5, 1e-5,
    ]);
    expect(epochs.findIndex((e) => e.lastPhase)).toBe(50);
  });
});

describe("planBatches", () => {
  it("makes 350 steps of 2800 samples in batches of 8, every sample once", () => {
    const batches = planBatches(10, 1, 2800, 8);
    expect(batches.length).toBe(350);
    expect(new Set(batches.flatMap((b) => [...b])).size).toBe(2800);
  });
  it("is a fresh permutation per epoch, the same each time", () => {
    expect(planBatches(10, 1, 50, 4)).toEqual(planBatches(10, 1, 50, 4));
    expect(planBatches(10, 1, 50, 4)).not.toEqual(planBatches(10, 2, 50, 4));
  });
  it("drops the incomplete last batch, but not the only one", () => {
    expect(planBatches(1, 1, 11, 4).map((b) => b.length)).toEqual([4, 4]);
    expect(planBatches(1, 1, 3, 4).map((b) => b.length)).toEqual([3]);
    expect(stepsPerEpoch(0, 4)).toBe(0);
  });
});

describe("createScoreKeeper", () => {
  // One patch of 2x2, two classes: channels bg, 1, 2, nucleus, distance.
  const maps = Float32Array.from([
    0.8,
    0.1,
    0.1,
    0.2, // background
    0.1,
    0.7,
    0.2,
    0.3, // class 1
    0.1,
    0.2,
    0.7,
    0.5, // class 2
    0.2,
    0.9,
    0.4,
    0.8, // nucleus
    0.0,
    0.5,
    0.5,
    1.0, // distance
  ]);
  const classes = Uint8Array.from([0, 1, 1, 2]);
  const distance = Float32Array.from([0, 0.5, 0.25, 0.5]);

  it("pools Dice over pixels", () => {
    const keeper = createScoreKeeper({ channels: 5, classCount: 2, nucleus: 3, distance: 4 }, 2);
    keeper.add(maps, classes, distance, 1);
    const scores = keeper.scores();
    // arg-max: 0 1 2 2; nucleus: 0 1 0 1
    expect(scores.validDicePerClass[0]).toBeCloseTo((2 * 1) / (1 + 2), 7);
    expect(scores.validDicePerClass[1]).toBeCloseTo((2 * 1) / (2 + 1), 7);
    expect(scores.validDice).toBeCloseTo((2 * 2) / (2 + 3), 7);
    expect(scores.validMae).toBeCloseTo((0 + 0 + 0.25 + 0.5) / 4, 7);
    expect(selectionScore(scores)).toEqual({ name: "valid_mean_dice", value: scores.validMeanDice });
    expect(Object.keys(namedScores(scores))).toEqual([
      "valid_dice",
      "valid_dice_1",
      "valid_dice_2",
      "valid_mean_dice",
      "valid_mae",
    ]);
  });

  it("counts only the patches that are no padding, and adds up batches", () => {
    const twice = Float32Array.from([...maps, ...maps]);
    const padded = createScoreKeeper({ channels: 5, classCount: 2, nucleus: 3, distance: 4 }, 2);
    padded.add(
      twice,
      Uint8Array.from([...classes, 9, 9, 9, 9]),
      Float32Array.from([...distance, 9, 9, 9, 9]),
      1,
    );
    const single = createScoreKeeper({ channels: 5, classCount: 2, nucleus: 3, distance: 4 }, 2);
    single.add(maps, classes, distance, 1);
    expect(padded.scores()).toEqual(single.scores());
    single.add(maps, classes, distance, 1);
    expect(single.scores().validDice).toBeCloseTo(padded.scores().validDice, 7);
  });

  it("tells the nucleus Dice of each patch", () => {
    const keeper = createScoreKeeper({ channels: 2, classCount: 1, nucleus: null, distance: null }, 1);
    // Background, then nucleus: found, missed, nothing to find.
    const three = Float32Array.from([0.1, 0.9, 0.8, 0.2, 0.7, 0.3]);
    expect(keeper.add(three, Uint8Array.from([1, 1, 0]), [], 3)).toEqual([1, 0, 1]);
    const wide = createScoreKeeper({ channels: 5, classCount: 2, nucleus: 3, distance: 4 }, 2);
    expect(wide.add(maps, classes, distance, 1)).toEqual([4 / 5]);
  });

  it("tells the squared error of a distance in pixels, and takes the lowest for the best", () => {
    const layout = { channels: 5, classCount: 2, nucleus: 3, distance: 4, inPixels: true };
    const keeper = createScoreKeeper(layout, 2);
    keeper.add(maps, classes, distance, 1);
    const scores = keeper.scores();
    expect(scores.validMse).toBeCloseTo((0.25 ** 2 + 0.5 ** 2) / 4, 7);
    expect(Object.keys(namedScores(scores)).slice(-2)).toEqual(["valid_mae", "valid_mse"]);
    const selected = selectionScore(scores, "mse")!;
    expect(selected).toEqual({ name: "valid_mse", value: scores.validMse });
    expect([isBetter(selected, null), isBetter(selected, { value: 1 })]).toEqual([true, true]);
    expect(isBetter(selected, { value: 0.01 })).toBe(false);
    expect(isBetter({ name: "valid_mean_dice", value: 0.6 }, { value: 0.5 })).toBe(true);
    const shares = createScoreKeeper({ ...layout, inPixels: false }, 2);
    expect(selectionScore(shares.scores(), "mse")).toBeNull();
  });

  it("reads the distance of CHR-Net against its normalised target, of DIST against pixels", () => {
    const layouts = ["chr-net", "dist", "u-net", "hover-net"].map((name) => {
      const network = createNetwork(name, { width: 0.125 });
      return [distanceTarget(network), mapLayout(network).distance, mapLayout(network).inPixels];
    });
    expect(layouts).toEqual([
      ["distance", 6, false],
      ["pixelDistance", 6, true],
      [null, null, false],
      [null, null, false],
    ]);
  });

  it("selects by nucleus Dice when there is one class", () => {
    const keeper = createScoreKeeper({ channels: 4, classCount: 1, nucleus: 2, distance: null }, 1);
    keeper.add(Float32Array.from([0.4, 0.6, 0.6, 0]), Uint8Array.from([1]), Float32Array.from([1]), 1);
    const scores = keeper.scores();
    expect(selectionScore(scores)?.name).toBe("valid_dice");
    expect(scores.validMae).toBeNull();
  });
});

describe("parseLog", () => {
  it("leaves out a line that a kill cut off", () => {
    const text = '{"kind":"start","step":0,"epoch":0}\n{"kind":"steps","st';
    expect(parseLog(text)).toEqual([{ kind: "start", step: 0, epoch: 0 }]);
  });
});

describe("createPace", () => {
  it("leaves the first step out and counts the validations to come", () => {
    const pace = createPace();
    expect([pace.stepMs, pace.remaining(3, 1)]).toEqual([0, 0]);
    pace.addStep(1000);
    expect(pace.stepMs).toBe(1000);
    pace.addStep(10);
    pace.addStep(20);
    pace.addValidation(50);
    expect(pace.stepMs).toBe(15);
    expect(pace.remaining(4, 2)).toBe(160);
  });
});
