/**
 * The processes of a data-parallel run. Each computes its share of every batch, with batch statistics of its own as
 * on the GPUs of the paper (spec/training.md §8); gradients and losses are summed, so all take the same step. Rank 0
 * validates and writes the files, with its running statistics.
 *
 * @module
 */
import { EngineError, isRenogradeError, UsageError } from "@renograde/core";
import {
  type Device,
  type GradientReducer,
  type ParameterStore,
  ProcessGroup,
  type ProcessPlace,
  type Tensor,
  tensor,
  tidy,
} from "@renograde/torch";
import type { StepLosses } from "../loop/engine.js";
import { shareOf } from "./share.js";

/** What {@link joinTeam} needs. */
export interface TeamOptions {
  readonly place: ProcessPlace;
  readonly timeoutMs: number;
  readonly device: Device;
  readonly signal?: AbortSignal | undefined;
}

/** `train.device` of a process: with several, `cuda` is the GPU of its local rank. */
export function placedDevice(device: string, place: ProcessPlace | null | undefined): string {
  return device === "cuda" && place ? `cuda:${place.localRank}` : device;
}

/** Connects with the other processes of a run. @throws EngineError when they cannot be reached */
export async function joinTeam(options: TeamOptions): Promise<Team> {
  const group = await ProcessGroup.connect(options);
  return new Team(group, options.signal);
}

/** A process among those of a run. */
export class Team {
  readonly group: ProcessGroup;
  readonly #signal: AbortSignal | undefined;
  #reducer: { readonly names: string; readonly sums: GradientReducer } | undefined;
  #stop = false;
  #left = false;

  /** @param signal - when aborted, all processes stop after the step under way */
  constructor(group: ProcessGroup, signal?: AbortSignal) {
    this.group = group;
    this.#signal = signal;
  }

  /** True on rank 0, which validates, writes and reports. */
  get leads(): boolean {
    return this.group.place.rank === 0;
  }

  /** Number of processes. */
  get size(): number {
    return this.group.place.size;
  }

  /** Whether any process was asked to stop, as of the latest {@link Team.sumGradients}; the same on all. */
  get mustStop(): boolean {
    return this.#stop;
  }

  /** This process' part of the samples of a batch. */
  share(samples: Int32Array): Int32Array {
    const { from, to } = shareOf(samples.length, this.group.place);
    return samples.subarray(from, to);
  }

  /** Where this process' share of a batch begins, and how many patches the batch has. */
  within(batch: number, patches: number): { readonly first: number; readonly count: number } {
    const count = Math.min(batch, patches);
    return { first: shareOf(count, this.group.place).from, count };
  }

  /**
   * Checks that all processes train the same: same configuration, data and step.
   *
   * @param facts - by what they are, for the message
   * @throws UsageError naming what differs from rank 0
   */
  checkSame(facts: Readonly<Record<string, string>>): void {
    const text = JSON.stringify(facts);
    const bytes = new Uint8Array(4096);
    new TextEncoder().encodeInto(text, bytes);
    const theirs = tidy(() => {
      const mine = tensor(bytes, [bytes.length]);
      this.group.broadcast(mine);
      return mine.toUint8Array();
    });
    const first = JSON.parse(new TextDecoder().decode(theirs).replace(/\0+$/, "")) as typeof facts;
    const different = Object.keys(facts).filter((name) => facts[name] !== first[name]);
    const [count = 0] = this.group.sum([different.length > 0 ? 1 : 0]);
    if (count === 0) return;
    const { rank, size } = this.group.place;
    // Hashes are long, and nobody compares them.
    const brief = (fact = ""): string => fact.slice(0, 8);
    const what = different.map((name) => `${name} (${brief(facts[name])}, on rank 0 ${brief(first[name])})`);
    throw new UsageError(
      different.length > 0
        ? `rank ${rank} of ${size}: has another ${what.join(" and ")}; give all processes the same options, data and run folder`
        : `rank ${rank} of ${size}: another process was started with other options, data or run folder; see what it printed`,
    );
  }

  /** Gives every process the parameters and buffers of rank 0. */
  synchronise(store: ParameterStore): void {
    for (const { name } of store.specs) this.group.broadcast(store.get(name));
  }

  /** Lets the backward pass that comes next, the last of a step, start the sums of gradients. */
  expectGradients(trained: ReadonlyMap<string, Tensor>): void {
    this.#reducerOf(trained).arm();
  }

  /**
   * Sums losses and gradients over all processes; every process calls it once per step, also when its loss is not
   * finite. Losses go first: a process that was lost is noticed there at once.
   *
   * @param losses - this process' part of the means over the whole batch
   * @returns the means over the whole batch
   * @throws EngineError when another process was lost or did not answer in time
   */
  sumGradients(trained: ReadonlyMap<string, Tensor>, losses: StepLosses): StepLosses {
    try {
      const names = Object.keys(losses.terms);
      const wantsStop = this.#signal?.aborted === true ? 1 : 0;
      const [total = 0, stop = 0, ...terms] = this.group.sum([
        losses.total,
        wantsStop,
        ...names.map((name) => losses.terms[name]!),
      ]);
      this.#stop = stop > 0;
      this.#reducerOf(trained).finish();
      return { total, terms: Object.fromEntries(names.map((name, i) => [name, terms[i]!])) };
    } catch (error) {
      throw withRemedy(error);
    }
  }

  /** Rank 0 says that an epoch's validation is done, or that the run stops. */
  announce(epoch: number, what: "go on" | "stop"): void {
    this.group.post(`epoch/${epoch}`, what);
  }

  /** Waits for rank 0's {@link Team.announce}, however long its validation takes. Returns whether to go on. */
  async awaitLeader(epoch: number): Promise<boolean> {
    try {
      return (await this.group.waitFor(`epoch/${epoch}`)) === "go on";
    } catch (error) {
      throw withRemedy(error);
    }
  }

  /** Leaves the others; leaving twice is harmless. */
  leave(): void {
    if (this.#left) return;
    this.#left = true;
    this.#reducer?.sums.dispose();
    this.group.destroy();
  }

  /** Sums for exactly these parameters; made anew when a phase freezes or frees some. */
  #reducerOf(trained: ReadonlyMap<string, Tensor>): GradientReducer {
    const names = [...trained.keys()].join("\n");
    if (this.#reducer?.names !== names) {
      this.#reducer?.sums.dispose();
      // Backward finishes parameters in about the reverse order of their use.
      this.#reducer = { names, sums: this.group.reducer([...trained.values()].reverse()) };
    }
    return this.#reducer.sums;
  }
}

function withRemedy(error: unknown): unknown {
  if (!isRenogradeError(error, "EngineError")) return error;
  return new EngineError(`${error.message} with --resume; the last checkpoint is good`, { cause: error });
}
