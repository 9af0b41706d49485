/**
 * One network being trained on libtorch: a step on a batch, a prediction, and everything that has to be saved
 * (spec/training.md §1, §8).
 *
 * @module
 */

import type { ClassScheme } from "@renograde/core";
import {
  createNetwork,
  declareParameters,
  type LossTerm,
  mergeClassIds,
  type Network,
  type StateDict,
  trainingLoss,
} from "@renograde/nn";
import {
  Adam,
  type AdamState,
  backward,
  type Device,
  noGrad,
  op,
  ParameterStore,
  type Tensor,
  type TensorData,
  TorchBackend,
  tensor,
  tidy,
} from "@renograde/torch";
import type { TrainConfig } from "../config/schema.js";
import { type Batch, targetTables } from "../targets/batch.js";

/** Loss of a step: eq. 1 and its unweighted terms, means over the batch. */
export interface StepLosses {
  readonly total: number;
  readonly terms: Readonly<Partial<Record<LossTerm, number>>>;
}

/** A network under training. */
export interface TrainingEngine {
  readonly network: Network;
  /** True when the network has a distance map of its own. */
  readonly hasDistance: boolean;
  /**
   * Forward, backward, and an Adam step when every loss is finite; otherwise nothing is updated but the running
   * statistics.
   *
   * @param count - patches of the batch that are filled
   */
  step(batch: Batch, count: number, learningRate: number): StepLosses;
  /** Maps `[count, K+2, output, output]` of the first patches of a batch, with running statistics. */
  predict(batch: Batch, count: number): Float32Array;
  /** Exact copies of parameters, buffers and optimiser. */
  state(): { readonly network: StateDict; readonly adam: AdamState };
  load(state: { readonly network: StateDict; readonly adam: AdamState }): void;
  dispose(): void;
}

/** The network of a configuration. @throws UsageError, DataError for impossible options */
export function networkOf(config: TrainConfig, classes: ClassScheme): Network {
  const { network, ...net } = config.net;
  return createNetwork(network, { ...net, preset: config.preset, classes });
}

/** Starts a network with fresh weights of `train.seed`. @throws MissingDependencyError without libtorch */
export function createEngine(config: TrainConfig, classes: ClassScheme): TrainingEngine {
  const network = networkOf(config, classes);
  const device = config.train.device as Device;
  const store = new ParameterStore(declareParameters(network), config.train.seed, { device });
  const adam = new Adam(store.trained(), config.optim);
  const training = new TorchBackend(store, { training: true });
  const inference = new TorchBackend(store, { training: false });
  const tables = targetTables(classes);
  const upload = (data: TensorData, shape: readonly number[]) => tensor(data, shape, { device });

  /** Bytes of patches `from` … `to` as RGB in 0…1, `[N, 3, crop, crop]`. */
  function imagesOf(batch: Batch, from: number, to: number): Tensor {
    const size = 3 * batch.crop ** 2;
    const bytes = upload(batch.images.subarray(from * size, to * size), [
      to - from,
      3,
      batch.crop,
      batch.crop,
    ]);
    return op("div.Tensor", [op("to.dtype", [bytes, "float32"]), 255]);
  }

  function targetsOf(batch: Batch, from: number, to: number) {
    const side = batch.output;
    const ids = batch.classes.subarray(from * side * side, to * side * side);
    const shape = [to - from, side, side];
    return {
      binary: upload(mergeClassIds(ids, tables.binary), shape),
      task1: upload(mergeClassIds(ids, tables.task1), shape),
      task2: upload(mergeClassIds(ids, tables.task2), shape),
      final: upload(ids, shape),
      distance: upload(batch.distance.subarray(from * side * side, to * side * side), [
        to - from,
        1,
        side,
        side,
      ]),
    };
  }

  /** Adds the gradients of one part of a batch, weighted by its share; returns its losses. */
  function accumulate(batch: Batch, from: number, to: number, share: number): StepLosses {
    return tidy(() => {
      const outputs = network.train(training, imagesOf(batch, from, to));
      const loss = trainingLoss(training, network, outputs, targetsOf(batch, from, to), config.loss);
      const losses = {
        total: loss.total.item(),
        terms: Object.fromEntries([...loss.terms].map(([name, term]) => [name, term.item()])),
      };
      if (Number.isFinite(losses.total)) backward(training.affine(loss.total, share, 0));
      return losses;
    });
  }

  return {
    network,
    hasDistance: network.post.method === "watershed",
    step(batch, count, learningRate) {
      const size = Math.ceil(count / config.train.accumulate);
      let total = 0;
      const terms: Partial<Record<LossTerm, number>> = {};
      for (let from = 0; from < count; from += size) {
        const to = Math.min(from + size, count);
        const share = (to - from) / count;
        const part = accumulate(batch, from, to, share);
        total += part.total * share;
        for (const [name, value] of Object.entries(part.terms)) {
          terms[name as LossTerm] = (terms[name as LossTerm] ?? 0) + value * share;
        }
      }
      if (Number.isFinite(total)) adam.step(learningRate);
      adam.zeroGrad();
      return { total, terms };
    },
    predict(batch, count) {
      return tidy(() =>
        noGrad(() => network.infer(inference, imagesOf(batch, 0, count)).maps.toFloat32Array()),
      );
    },
    state: () => ({ network: store.state(), adam: adam.state() }),
    load(state) {
      store.load(state.network, "checkpoint");
      adam.load(state.adam);
    },
    dispose() {
      adam.dispose();
      store.dispose();
    },
  };
}
