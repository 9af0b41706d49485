/**
 * Every option of training, once: names, ranges, defaults and descriptions, section by section (`sections/`).
 * Validation, the file of a run, the documentation table and the JSON schema for editors all come from here.
 *
 * Defaults are those of `preset: paper` (spec/network.md §13, §14); {@link REFERENCE_PRESET} lists what
 * `preset: reference` changes.
 *
 * @module
 */
import { z } from "zod";
import { aug } from "./sections/aug.js";
import { data } from "./sections/data.js";
import { init } from "./sections/init.js";
import { loss } from "./sections/loss.js";
import { model } from "./sections/model.js";
import { net } from "./sections/net.js";
import { optim } from "./sections/optim.js";
import { post } from "./sections/post.js";
import { split } from "./sections/split.js";
import { train } from "./sections/train.js";

/** The schema of a training configuration. Input: any subset of the options; output: all of them. */
export const trainConfigSchema = z.strictObject({
  preset: z
    .enum(["paper", "reference"])
    .default("paper")
    .describe("bundle of choices where paper and code differ; an option given explicitly wins"),
  regime: z
    .enum(["paper", "code"])
    .default("paper")
    .describe("training settings of the baselines: one regime for all networks, or each network's own code"),
  net,
  init,
  loss,
  data,
  aug,
  optim,
  train,
  split,
  post,
  model,
});

/** A complete configuration, every option present. */
export type TrainConfig = z.output<typeof trainConfigSchema>;
/** One phase of {@link TrainConfig}. */
export type PhaseConfig = TrainConfig["train"]["phases"][number];

/** What `preset: reference` sets instead of the defaults (spec/network.md §13). */
export const REFERENCE_PRESET = {
  net: {
    resRelu: "group",
    gcInit: "xavier",
    luInput: "logits",
    fusionInput: "logits",
    stridePadding: "tf-same",
  },
  init: { foldImagenetNorm: false },
  loss: { lambdaDist: 1 },
  train: { freezeScope: "reference" },
  post: { backgroundIsZero: false },
} as const;
