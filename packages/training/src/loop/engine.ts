/**
 * One network being trained on libtorch: a step on a batch, a prediction, and everything that has to be saved
 * (spec/training.md §1, §8).
 *
 * @module
 */
import { type ClassScheme, createRandom, EngineError, type PostOptions } from "@renograde/core";
import {
  createNetwork,
  declareParameters,
  type FreezeOptions,
  type Network,
  NOT_FROZEN,
  type StateDict,
  type TargetName,
} from "@renograde/nn";
import {
  Adam,
  type AdamState,
  backward,
  type Device,
  memoryStats,
  noGrad,
  OutOfMemoryError,
  op,
  ParameterStore,
  resetPeakMemory,
  type Tensor,
  TorchBackend,
  tidy,
  upload,
} from "@renograde/torch";
import type { TrainConfig } from "../config/schema.js";
import type { Team } from "../distributed/team.js";
import { type Batch, targetPart } from "../targets/batch.js";
import { TARGET_KINDS } from "../targets/target-kinds.js";
import { predictDetections } from "./predict-detections.js";

/** Loss of a step and its unweighted terms by name, means over the batch. */
export interface StepLosses {
  readonly total: number;
  readonly terms: Readonly<Record<string, number>>;
}

/** How a step is taken. */
export interface StepPlan {
  readonly lr: number;
  /** Over all phases, from 1. */
  readonly epoch: number;
  /** Steps taken before, over all epochs: random numbers of a step are a function of seed and step. */
  readonly step: number;
  readonly freeze: FreezeOptions;
  /** Where the patches lie in the batch of all processes, and how many that has. Default: they are the batch. */
  readonly within?: { readonly first: number; readonly count: number };
}

/** A network under training. */
export interface TrainingEngine {
  readonly network: Network;
  /**
   * Forward, backward, and an Adam step when every loss is finite; otherwise nothing is updated but the running
   * statistics.
   *
   * @param count - patches of the batch that are filled
   */
  step(batch: Batch, count: number, plan: StepPlan): StepLosses;
  /**
   * Maps `[count, channels, output, output]` of the first patches of a batch, with running statistics; channels as
   * `mapChannels` of the network's outputs lists them.
   */
  predict(batch: Batch, count: number): Float32Array;
  /**
   * Forward and backward pass of the first patches of a batch that leaves everything as it was, and as much memory
   * taken beside it as the optimiser has or will have.
   *
   * @returns bytes of main memory it took at its peak beside what tensors held before
   * @throws OutOfMemoryError when they do not fit
   */
  rehearse(batch: Batch, patches: number, plan: StepPlan): number;
  /** Bytes of the optimiser's moments that come into being with the first gradients. */
  momentsToCome(): number;
  /** Exact copies of parameters, buffers and optimiser. */
  state(): { readonly network: StateDict; readonly adam: AdamState };
  /**
   * @param what - named in messages, such as a file name
   * @throws DataError when the state is not of this network
   */
  load(state: { readonly network: StateDict; readonly adam: AdamState }, what?: string): void;
  /** Gives every process of a team the weights and running statistics of rank 0. */
  synchronise(): void;
  /** Starts the optimiser afresh (`optim.carryOver: false`). */
  resetOptimiser(): void;
  dispose(): void;
}

/** The network of a configuration. @throws UsageError, DataError for impossible options */
export function networkOf(config: TrainConfig, classes: ClassScheme): Network {
  const { network, ...net } = config.net;
  return createNetwork(network, { ...net, preset: config.preset, classes });
}

/** Constants of post-processing: those of the run, the network's own where left open. */
export function postOptionsOf(config: TrainConfig, network: Network): PostOptions {
  const { method, dilate, voteBackground, ...rest } = config.post;
  return {
    ...rest,
    method: method ?? network.post.method,
    dilate: dilate ?? network.post.dilate,
    voteBackground: voteBackground ?? network.post.voteBackground,
  };
}

/**
 * Patches that one forward pass takes: the batch in `train.accumulate` parts, each no larger than a group of
 * `train.bnGroup`, so that batch statistics are those of the group.
 */
export function partSize(count: number, { accumulate, bnGroup }: TrainConfig["train"]): number {
  return Math.min(Math.ceil(count / accumulate), bnGroup > 0 ? bnGroup : count);
}

/**
 * Starts a network with fresh weights of `train.seed`.
 *
 * @param team - the processes that take every step together; null: this one alone
 * @throws MissingDependencyError without libtorch
 */
export function createEngine(
  config: TrainConfig,
  classes: ClassScheme,
  team: Team | null = null,
): TrainingEngine {
  const network = networkOf(config, classes);
  const device = config.train.device as Device;
  // On a GPU: the memory layout of its tensor cores, and one kernel for the optimiser.
  const onGpu = device.startsWith("cuda");
  const channelsLast = onGpu;
  const compute = config.train.precision === "bf16" ? "bfloat16" : undefined;
  const store = new ParameterStore(declareParameters(network), config.train.seed, { device, channelsLast });
  const adam = new Adam(store.trained(), { ...config.optim, fused: onGpu });
  const training = new TorchBackend(store, { training: true, compute });
  const inference = new TorchBackend(store, { training: false, compute });
  let frozen = NOT_FROZEN.scope;

  /** Bytes of patches `from` … `to` as RGB in 0…1, `[N, 3, crop, crop]`. */
  function imagesOf(batch: Batch, from: number, to: number): Tensor {
    const { crop } = batch.plan;
    const size = 3 * crop ** 2;
    const shape = [to - from, 3, crop, crop];
    const bytes = upload(batch.images.subarray(from * size, to * size), shape, device);
    const memory = channelsLast ? { memory_format: "channels_last" } : {};
    return op("div.Tensor", [op("to.dtype", [bytes, "float32"], memory), 255]);
  }

  function targetsOf(batch: Batch, from: number, to: number): Partial<Record<TargetName, Tensor>> {
    const entries = network.targets.map((name) => {
      const shape = TARGET_KINDS[name].shape(to - from, batch.plan.output);
      return [name, upload(targetPart(batch, name, from, to), shape, device)];
    });
    return Object.fromEntries(entries);
  }

  /** Adds the gradients of one part of a batch, weighted by its share; returns its losses. */
  function accumulate(batch: Batch, from: number, to: number, share: number, plan: StepPlan): StepLosses {
    return tidy(() => {
      const settings = {
        loss: config.loss,
        freeze: plan.freeze,
        epoch: plan.epoch,
        random: createRandom(config.train.seed, "step", plan.step, (plan.within?.first ?? 0) + from),
      };
      const loss = network.loss(
        training,
        imagesOf(batch, from, to),
        targetsOf(batch, from, to) as Readonly<Record<TargetName, Tensor>>,
        settings,
      );
      backward(training.affine(loss.total, share, 0));
      // Last, because reading waits for a GPU.
      return {
        total: loss.total.item(),
        terms: Object.fromEntries([...loss.terms].map(([name, term]) => [name, term.item()])),
      };
    });
  }

  /** A step of the optimiser; one that lacks memory has changed some weights, so the state is lost. */
  function update(lr: number): void {
    try {
      adam.step(lr);
    } catch (cause) {
      if (!(cause instanceof OutOfMemoryError)) throw cause;
      throw new EngineError(
        `memory ran out while the optimiser changed the weights (${cause.message}); resume from the last checkpoint with more memory, or start with a smaller net.width`,
        { cause },
      );
    }
  }

  function freeze({ scope }: FreezeOptions): void {
    if (scope === frozen) return;
    frozen = scope;
    store.setTrained((name) => !network.isFrozen(name, scope));
  }

  return {
    network,
    step(batch, count, plan) {
      freeze(plan.freeze);
      const size = partSize(count, config.train);
      let total = 0;
      const terms: Record<string, number> = {};
      for (let from = 0; from < count; from += size) {
        const to = Math.min(from + size, count);
        const share = (to - from) / (plan.within?.count ?? count);
        // The last part completes the gradients.
        if (to === count) team?.expectGradients(store.trained());
        const part = accumulate(batch, from, to, share, plan);
        total += part.total * share;
        for (const [name, value] of Object.entries(part.terms)) {
          terms[name] = (terms[name] ?? 0) + value * share;
        }
      }
      const losses = team?.sumGradients(store.trained(), { total, terms }) ?? { total, terms };
      if (Number.isFinite(losses.total)) update(plan.lr);
      adam.zeroGrad();
      return losses;
    },
    rehearse(batch, patches, plan) {
      const before = store.state();
      adam.zeroGrad();
      const held = memoryStats().allocated;
      resetPeakMemory();
      const take = (bytes: number) => op("empty.memory_format", [[bytes]], { dtype: "uint8", device });
      try {
        freeze(plan.freeze);
        tidy(() => {
          take(adam.momentsToCome());
          accumulate(batch, 0, patches, 1, plan);
          // Adam's step: one array per gradient.
          for (const value of store.trained().values()) take(4 * value.size);
        });
        return memoryStats().peak - held;
      } finally {
        adam.zeroGrad();
        store.load(before, "rehearsal");
      }
    },
    momentsToCome: () => adam.momentsToCome(),
    predict(batch, count) {
      const { detect } = network;
      return tidy(() =>
        noGrad(() => {
          if (!detect) return network.infer(inference, imagesOf(batch, 0, count)).maps.toFloat32Array();
          const image = (i: number) => imagesOf(batch, i, i + 1);
          return predictDetections({ ...network, detect }, inference, image, count, batch.plan.output);
        }),
      );
    },
    state: () => ({ network: store.state(), adam: adam.state() }),
    load(state, what = "checkpoint") {
      store.load(state.network, what);
      adam.load(state.adam);
    },
    synchronise: () => team?.synchronise(store),
    resetOptimiser: () => adam.dispose(),
    dispose() {
      adam.dispose();
      store.dispose();
    },
  };
}
