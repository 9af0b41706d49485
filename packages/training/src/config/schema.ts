/**
 * Every option of training, once: names, ranges, defaults and descriptions. Validation, the file of a run, the
 * documentation table and the JSON schema for editors all come from here.
 *
 * Defaults are those of `preset: paper` (spec/network.md §13, §14); {@link REFERENCE_PRESET} lists what
 * `preset: reference` changes.
 *
 * @module
 */
import { DEFAULT_POST_OPTIONS, INSTANCE_METHODS, STAIN_NORM_METHODS } from "@renograde/core";
import { z } from "zod";
import { AUGMENTATION_PRESETS } from "../augmentation/plan.js";

const net = z
  .strictObject({
    network: z
      .enum(["chr-net", "shr", "mhr", "mhr-udist", "u-net", "mask-rcnn", "micro-net", "hover-net", "dist"])
      .default("chr-net")
      .describe("architecture: CHR-Net, an ablation of Table 2, or another network of Table 1"),
    width: z
      .number()
      .min(0.01)
      .max(4)
      .default(1)
      .describe("channel multiplier; below 0.25 for tests only (spec/network.md §11)"),
    resRelu: z
      .enum(["block", "group"])
      .default("block")
      .describe("ReLU after every residual block or once per group (§3.1)"),
    gcInit: z
      .enum(["zero-last", "xavier"])
      .default("zero-last")
      .describe("start of a global context block's last convolution (§3.2)"),
    luInput: z
      .enum(["probabilities", "logits"])
      .default("probabilities")
      .describe("what LU-Net reads from the binary branch (§6)"),
    luDetach: z
      .boolean()
      .default(false)
      .describe("stop the distance loss's gradient at the binary branch (§6)"),
    fusionInput: z
      .enum(["probabilities", "logits"])
      .default("probabilities")
      .describe("what the final 1x1 convolution reads from the two tasks (§9)"),
    fusionInit: z
      .enum(["xavier", "product"])
      .default("xavier")
      .describe("start of the final 1x1 convolution (§9)"),
    compositeRelu: z.boolean().default(true).describe("ReLU in composite connections (§3.5)"),
    auxBlock: z
      .enum(["simple", "res"])
      .default("simple")
      .describe("first block of the auxiliary encoders (§7)"),
    aux100x: z
      .enum(["decimate", "area"])
      .default("decimate")
      .describe("how the 100x view is made: every 4th pixel, or the mean of 4x4 (§7)"),
    stridePadding: z
      .enum(["symmetric", "tf-same"])
      .default("symmetric")
      .describe("padding of stride-2 convolutions (§2)"),
    backbone: z
      .enum(["preact", "torchvision"])
      .default("preact")
      .describe(
        "ResNet-50 of U-Net and HoVer-Net: pre-activation, or torchvision's (spec/baselines.md §2); a file of weights fits one of them",
      ),
    hoverWindow: z
      .literal([270, 350, 256])
      .default(270)
      .describe(
        "input of HoVer-Net, px: 270 gives 80, 350 gives 160, 256 gives 164 with 3x3 decoders (spec/baselines.md §6)",
      ),
  })
  .prefault({});

const weight = (what: string) => z.number().min(0).max(1000).describe(what);
const loss = z
  .strictObject({
    lambdaBc: weight("weight of the binary cross-entropy, λ_bc of Eq. 1").default(1),
    lambdaDist: weight("weight of the distance error, λ_dist of Eq. 1").default(2),
    lambdaMc1: weight("weight of the cross-entropy of task 1, λ_mc1").default(1),
    lambdaMc2: weight("weight of the cross-entropy of task 2, λ_mc2").default(1),
    lambdaMcf: weight("weight of the cross-entropy of the fused output, λ_mcf").default(1),
    dice: z.boolean().default(false).describe("add soft Dice to each softmax output (spec/training.md §1)"),
    lambdaMse: weight("HoVer-Net: weight of the offsets' squared error; its PyTorch code has 1").default(2),
    lambdaMsge: weight("HoVer-Net: weight of the squared error of the offsets' slopes").default(1),
    msgeAxis: z
      .enum(["own", "cross"])
      .default("own")
      .describe(
        "HoVer-Net: slopes along each map's own axis, or exchanged as the published code has them (spec/baselines.md §6)",
      ),
  })
  .prefault({});

const data = z
  .strictObject({
    mpp: z.number().positive().max(10).default(0.25).describe("micrometres per pixel of the training images"),
    window: z
      .int()
      .min(14)
      .max(4096)
      .default(512)
      .describe("side of a patch before the crop, px: slack for rotation and scaling (§5)"),
    step: z.int().min(8).max(4096).default(256).describe("distance between windows, px (§5)"),
    crop: z
      .int()
      .min(14)
      .max(4096)
      .default(262)
      .describe("side of the network's input, px; 8n + 6, so the output is 8n (spec/network.md §1)"),
    erodeBoundary: z
      .int()
      .min(0)
      .max(10)
      .default(1)
      .describe("pixels eroded from every nucleus by the 3x3 cross (§4)"),
    distanceNorm: z
      .enum(["floor0.1", "minmax", "max"])
      .default("floor0.1")
      .describe("normalisation of the distance map inside a nucleus (§3)"),
    distanceMetric: z
      .enum(["euclidean", "chessboard"])
      .default("euclidean")
      .describe("metric of the distance map (§3)"),
    classMap: z
      .string()
      .nullable()
      .default(null)
      .describe(
        "mapping file of spec/data.md §6; default: classes.json of the dataset folder, where present",
      ),
    stainNorm: z
      .enum(["none", ...STAIN_NORM_METHODS])
      .default("none")
      .describe("stain normalisation of every image before anything else; not part of the method"),
    stainTarget: z
      .string()
      .nullable()
      .default(null)
      .describe("image whose stains stainNorm gives to all; default: the published reference of the method"),
    cacheMiB: z
      .int()
      .min(0)
      .max(1_000_000)
      .default(4096)
      .describe("memory for decoded images; what does not fit is decoded again each time, MiB"),
  })
  .prefault({});

const aug = z
  .strictObject({
    preset: z
      .enum(AUGMENTATION_PRESETS)
      .default("reference")
      .describe(
        "everything of the published code (§6), flip, rotation and blur as in the paper's text, flips and quarter turns, or none",
      ),
    imageInterp: z
      .enum(["nearest", "bilinear"])
      .default("nearest")
      .describe("how the image is resampled by rotation and scaling; labels are always nearest (§6)"),
    stainScale: z
      .number()
      .min(0)
      .max(1)
      .default(0)
      .describe("stain augmentation: haematoxylin, eosin and residual each times 1 ± this; 0 = off"),
    stainShift: z
      .number()
      .min(0)
      .max(1)
      .default(0)
      .describe("stain augmentation: each stain plus ± this optical density; 0 = off"),
  })
  .prefault({});

const optim = z
  .strictObject({
    beta1: z.number().min(0).lt(1).default(0.9).describe("Adam β1 (§8)"),
    beta2: z.number().min(0).lt(1).default(0.999).describe("Adam β2 (§8)"),
    eps: z.number().positive().default(1e-8).describe("Adam ε (§8)"),
    epsMode: z.enum(["torch", "tf"]).default("torch").describe("place of ε in Adam's step (§8)"),
    weightDecay: z
      .number()
      .min(0)
      .max(1)
      .default(0)
      .describe("λ of an L2 term ½λΣ‖W‖² over all kernels (spec/baselines.md)"),
    carryOver: z
      .boolean()
      .default(true)
      .describe("keep Adam's moments from one phase to the next; false starts each phase afresh (§8)"),
  })
  .prefault({});

const phase = z.strictObject({
  epochs: z.int().min(1).max(100_000).default(50).describe("passes over the training patches"),
  lr: z.number().positive().max(10).default(1e-4).describe("learning rate at the start"),
  lrDrop: z.number().positive().max(10).default(1e-5).describe("learning rate after lrDropAfter epochs"),
  lrDropAfter: z
    .int()
    .min(0)
    .max(100_000)
    .default(25)
    .describe("epochs of this phase with lr; from then on lrDrop. A phase that is not longer never drops"),
  lrDecay: z
    .number()
    .positive()
    .max(1)
    .default(1)
    .describe("factor on the learning rate after every lrDecayEvery epochs of this phase"),
  lrDecayEvery: z.int().min(1).max(100_000).default(10).describe("epochs from one lrDecay to the next"),
  batch: z
    .int()
    .min(1)
    .max(1024)
    .nullable()
    .default(null)
    .describe("patches per step in this phase; null = train.batch"),
  freeze: z
    .boolean()
    .default(false)
    .describe("the pretrained encoder stands still in this phase; without pretrained weights it learns (§8)"),
});

const train = z
  .strictObject({
    seed: z
      .int()
      .min(0)
      .max(2 ** 31 - 1)
      .default(10)
      .describe("seed of weights, order and augmentation (§10)"),
    batch: z.int().min(1).max(1024).default(8).describe("patches per step"),
    accumulate: z
      .int()
      .min(1)
      .max(1024)
      .default(1)
      .describe("parts a batch is computed in to save memory; batch-norm statistics are per part (§8)"),
    bnGroup: z
      .int()
      .min(0)
      .max(1024)
      .default(0)
      .describe(
        "patches per batch-norm statistic, as if each group were on a device of its own; 0 = whole batch",
      ),
    freezeScope: z
      .enum(["encoder", "reference"])
      .default("encoder")
      .describe("what stands still in phases with freeze: the encoder, or what the authors' code cuts (§13)"),
    frozenBn: z
      .enum(["batch", "running"])
      .default("batch")
      .describe(
        "statistics of frozen batch norms: of the batch, with moving averages, or the stored ones (§13)",
      ),
    phases: z.array(phase).min(1).max(20).prefault([{}]).describe("schedule, one entry per phase (§8)"),
    device: z.string().default("cpu").describe('where to compute: "cpu", "cuda", "cuda:1"'),
    precision: z
      .enum(["fp32", "tf32", "bf16"])
      .default("fp32")
      .describe(
        "products of the network: float32, TensorFloat-32 on a GPU, or bfloat16 with float32 parameters, statistics and losses",
      ),
    deterministic: z
      .boolean()
      .default(false)
      .describe("on a GPU only algorithms that give the same bits every time; the CPU always does"),
    threads: z.int().min(0).max(1024).default(0).describe("threads of the CPU engine; 0 = all"),
    workers: z
      .int()
      .min(0)
      .max(256)
      .nullable()
      .default(null)
      .describe(
        "threads that read and augment samples ahead of the device; null = processors - 1, at least 1; 0 = the main thread does it. No effect on the result",
      ),
    processTimeoutS: z
      .number()
      .min(1)
      .max(86_400)
      .default(300)
      .describe("how long one of several processes waits for the others before the run ends, s"),
    validBatch: z.int().min(1).max(1024).default(8).describe("patches per validation batch"),
    validEvery: z
      .int()
      .min(1)
      .max(100_000)
      .default(1)
      .describe("epochs from one validation to the next; the last epoch is always validated"),
    saveEvery: z
      .int()
      .min(0)
      .max(10_000_000)
      .default(500)
      .describe("steps from one `last` checkpoint to the next within an epoch; 0 = only at its end"),
    keepEvery: z
      .int()
      .min(0)
      .max(100_000)
      .default(0)
      .describe("epochs from one kept checkpoint to the next, beside best and last; 0 = none"),
    evalPq: z
      .int()
      .min(0)
      .max(100_000)
      .default(0)
      .describe("validated epochs from one full post-processing with PQ and aPQ to the next; 0 = never (§9)"),
    select: z
      .enum(["meanDice", "aPQ", "mse"])
      .default("meanDice")
      .describe(
        "score that selects the best epoch; aPQ needs evalPq (§9), mse (lowest) a distance in pixels: DIST",
      ),
    logEvery: z.int().min(1).max(10_000_000).default(10).describe("steps summed up in one line of log.jsonl"),
    tensorboard: z.boolean().default(true).describe("write TensorBoard event files into the run folder"),
    page: z.boolean().default(true).describe("write run.html, the page of the run, while it goes on"),
  })
  .prefault({});

const split = z
  .strictObject({
    by: z
      .enum(["image", "slide", "patient"])
      .default("image")
      .describe("unit of the split; folders train/valid/test are used as they are with image (§10)"),
    seed: z
      .int()
      .min(0)
      .max(2 ** 31 - 1)
      .default(10)
      .describe("seed of a random split"),
    fractions: z
      .tuple([z.number().min(0).max(1), z.number().min(0).max(1), z.number().min(0).max(1)])
      .default([0.7, 0.1, 0.2])
      .describe("shares of training, validation and test"),
    file: z
      .string()
      .nullable()
      .default(null)
      .describe("split file of `renograde dataset split --out FILE.json`; it decides alone"),
    folds: z
      .int()
      .min(2)
      .max(1000)
      .nullable()
      .default(null)
      .describe("cross-validation: all images in this many parts, whatever the folders say; null = none"),
    fold: z.int().min(1).max(1000).default(1).describe("with folds: the part that is the test set, from 1"),
  })
  .prefault({});

const post = z
  .strictObject({
    method: z
      .enum(INSTANCE_METHODS)
      .nullable()
      .default(null)
      .describe(
        "how nuclei are separated; null = what fits the network (spec/postprocessing.md §3, §4, §6, §7, §8)",
      ),
    h: z
      .int()
      .min(0)
      .max(255)
      .default(DEFAULT_POST_OPTIONS.h)
      .describe("depth of the h-minima (spec/postprocessing.md §3)"),
    threshold: z
      .int()
      .min(0)
      .max(255)
      .default(DEFAULT_POST_OPTIONS.threshold)
      .describe("bytes above this are nucleus; Mask R-CNN: scores of at least (threshold + 1) / 256 count"),
    minArea: z
      .int()
      .min(0)
      .max(1_000_000)
      .default(DEFAULT_POST_OPTIONS.minArea)
      .describe("nuclei of at most this many pixels are removed"),
    voteBackground: z
      .boolean()
      .nullable()
      .default(null)
      .describe("background takes part in a nucleus' vote; null = what fits the network"),
    keepUnmarked: z
      .boolean()
      .default(DEFAULT_POST_OPTIONS.keepUnmarked)
      .describe("keep mask components without a marker"),
    backgroundIsZero: z
      .boolean()
      .default(DEFAULT_POST_OPTIONS.backgroundIsZero)
      .describe("background is 0 rather than the most frequent value"),
    watershedTies: z
      .enum(["skimage-legacy", "skimage-0.25.2", "component"])
      .default(DEFAULT_POST_OPTIONS.watershedTies)
      .describe("rule for equal keys in the flood"),
    dilate: z
      .int()
      .min(0)
      .max(20)
      .nullable()
      .default(null)
      .describe("pixels of dilation after `components`; null = what fits the network"),
  })
  .prefault({});

const model = z
  .strictObject({
    name: z
      .string()
      .regex(/^[a-z0-9][a-z0-9._-]*$/i)
      .default("chr-net")
      .describe("name of the exported model: letters, digits, dots, dashes"),
    data: z
      .string()
      .default("")
      .describe("one sentence on the training data for the model card; empty: made from the dataset"),
    synthetic: z
      .boolean()
      .default(false)
      .describe("no real tissue was used; a dataset that says so itself needs no option"),
    licence: z
      .string()
      .default("unspecified; ask the owner of the weights")
      .describe("licence of the weights: SPDX expression or a sentence"),
  })
  .prefault({});

const init = z
  .strictObject({
    encoder: z
      .string()
      .nullable()
      .default(null)
      .describe("file of ImageNet weights for the encoder (§7); see docs/users/pretrained.md"),
    weights: z
      .string()
      .nullable()
      .default(null)
      .describe(
        "file of weights for the whole network, such as the authors' checkpoint (spec/network.md §15)",
      ),
    from: z
      .string()
      .nullable()
      .default(null)
      .describe("run folder or checkpoint to start from; heads start afresh where the classes differ"),
    foldImagenetNorm: z
      .boolean()
      .default(true)
      .describe("fold ImageNet's mean and standard deviation into the first convolution of `encoder` (§7)"),
  })
  .prefault({});

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
