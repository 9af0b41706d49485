/**
 * Options of schedule, batches, device, validation and checkpoints: `train` (spec/training.md §8 to §10).
 *
 * @module
 */
import { z } from "zod";

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

/** Options of `train`. */
export const train = z
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
    memoryLimitGiB: z
      .number()
      .positive()
      .nullable()
      .default(null)
      .describe(
        "main memory that tensors may take, GiB; null = what is free at the start, a share of it for each of --processes",
      ),
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
