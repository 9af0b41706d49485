/**
 * The worker thread of {@link openSamplePool}: it opens the dataset by itself and makes samples.
 *
 * @module
 */
import { DataError } from "@renograde/core";
import { serveCalls } from "@renograde/slides/node";
import type { Dataset } from "../datasets/dataset.js";
import { openDataset } from "../datasets/open-dataset.js";
import {
  createSampleMaker,
  type PreparedEntry,
  type SampleMaker,
  type SampleOptions,
  type SampleTask,
} from "./sample-maker.js";

/** What the worker is told first. */
export interface SampleWorkerSetup {
  /** Folder of the dataset. */
  readonly root: string;
  /** Its images, in order, as the main thread sees them. */
  readonly imagePaths: readonly string[];
  readonly options: SampleOptions;
}

/** What the worker can be asked: `open` once, then the others. */
export interface SampleCalls {
  open(setup: SampleWorkerSetup): void;
  prepare(index: number): Promise<PreparedEntry>;
  write(task: SampleTask): Promise<void>;
}

let maker: Promise<SampleMaker> | undefined;

async function createMaker({ root, imagePaths, options }: SampleWorkerSetup): Promise<SampleMaker> {
  const dataset: Dataset = await openDataset(root, options.data);
  if (dataset.entries.map((entry) => entry.imagePath).join("\n") !== imagePaths.join("\n")) {
    throw new DataError(`${root}: images were added or removed while training started; start again`);
  }
  return createSampleMaker(dataset, options);
}

serveCalls<SampleCalls>({
  open(setup) {
    maker = createMaker(setup);
    // Its error belongs to the calls that need the dataset.
    maker.catch(() => undefined);
  },
  prepare: async (index) => await (await maker!).prepare(index),
  write: async (task) => {
    await (await maker!).write(task);
  },
});
