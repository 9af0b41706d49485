import { EngineError, RCC_CLASSES } from "@renograde/core";
import { NOT_FROZEN } from "@renograde/nn";
import { isTorchAvailable, memoryStats, OutOfMemoryError, setMemoryBound } from "@renograde/torch";
import { afterEach, describe, expect, it } from "vitest";
import { parseConfig } from "../config/load-config.js";
import { createBatch, samplePlan } from "../targets/batch.js";
import { createEngine, type TrainingEngine } from "./engine.js";
import { boundMemory, foreseeShortage, shortageError } from "./memory.js";

const MIB = 2 ** 20;
const PLAN = { lr: 1e-3, epoch: 1, step: 4, freeze: NOT_FROZEN };

function configOf(...set: string[]) {
  const small = [
    "net.width=0.01",
    "data.window=24",
    "data.step=16",
    "data.crop=22",
    "train.batch=12",
    "train.phases=[{}]",
  ];
  return parseConfig("", { set: [...small, ...set] });
}

/** A network with a batch of 12 empty patches of 22 px. */
function prepared(...set: string[]) {
  const config = configOf(...set);
  const engine = createEngine(config, RCC_CLASSES);
  const batch = createBatch(12, samplePlan(engine.network, config.data));
  return { config, engine, batch, plan: PLAN, processes: 1, saved: false };
}

/** Leaves room for exactly `patches` patches at once, by measuring. */
function boundFor(engine: TrainingEngine, batch: ReturnType<typeof createBatch>, patches: number): void {
  const one = engine.rehearse(batch, 1, PLAN);
  const perPatch = engine.rehearse(batch, 2, PLAN) - one;
  setMemoryBound(memoryStats().allocated + one + perPatch * (patches - 0.5));
}

describe.skipIf(!isTorchAvailable())("memory of a step (libtorch addon built)", () => {
  afterEach(() => setMemoryBound(null));

  it("a rehearsal changes nothing, and its peak grows with the patches", () => {
    const { engine, batch } = prepared();
    const [before, held] = [engine.state(), memoryStats().allocated];
    const [one, two, three] = [1, 2, 3].map((n) => engine.rehearse(batch, n, PLAN));
    expect(engine.state()).toEqual(before);
    expect(memoryStats().allocated).toBe(held);
    expect(two! - one!).toBeGreaterThan(0);
    expect((three! - two!) / (two! - one!)).toBeCloseTo(1, 0);
    engine.dispose();
  });

  it("says what ran out and the batch that fits, which then does fit", () => {
    const asked = prepared();
    const { engine, batch } = asked;
    boundFor(engine, batch, 5);
    expect(() => engine.step(batch, 12, PLAN)).toThrow(OutOfMemoryError);
    const error = shortageError({ ...asked, patches: 12, cause: new OutOfMemoryError("aten::mul: …") });
    expect(error).toBeInstanceOf(EngineError);
    expect(error.message).toMatch(
      /^main memory is not enough at step 5: 12 patches at once need about [\d.]+ MiB, [\d.]+ MiB are there; (4|5) patches at once fit: set train\.accumulate 3 \(the same batch in parts\), or train\.batch (4|5)$/,
    );
    engine.dispose();
    const parts = prepared("train.accumulate=3");
    expect(parts.engine.step(parts.batch, 12, PLAN).total).toBeGreaterThan(0);
    parts.engine.dispose();
  });

  it("tells how to go on after a checkpoint, and what to do where not one patch fits", () => {
    const asked = prepared();
    const cause = new OutOfMemoryError("aten::mul: …");
    boundFor(asked.engine, asked.batch, 3);
    expect(shortageError({ ...asked, saved: true, patches: 12, cause }).message).toMatch(
      /; (2|3) patches at once fit: go on with --resume --set train\.accumulate=(4|6)$/,
    );
    setMemoryBound(memoryStats().allocated + 1000);
    expect(shortageError({ ...asked, patches: 12, cause }).message).toMatch(
      /12 patches at once are too much, [\d.]+ MiB are there; not even one fits: use a smaller net\.width/,
    );
    asked.engine.dispose();
  });

  it("searches by trying where the memory is not counted, and quotes what CUDA has", () => {
    const asked = prepared();
    boundFor(asked.engine, asked.batch, 5);
    const cuda = { ...asked.config, train: { ...asked.config.train, device: "cuda:1" } };
    const cause = new OutOfMemoryError(
      "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 1 has a total capacity of 139.81 GiB of which 1 GiB is free",
    );
    expect(shortageError({ ...asked, config: cuda, patches: 12, cause }).message).toMatch(
      /^the memory of cuda:1 is not enough at step 5: 12 patches at once are too much, 139\.81 GiB are there; (4|5) patches at once fit: /,
    );
    asked.engine.dispose();
  });

  it("foresees a step that will not fit, of a later phase too, and no other", () => {
    const asked = prepared("train.phases=[{batch: 2}, {batch: 12}]");
    expect(foreseeShortage(asked)).toBeNull();
    boundFor(asked.engine, asked.batch, 5);
    expect(foreseeShortage(asked)?.message).toMatch(/^main memory is not enough: 12 patches at once need/);
    boundFor(asked.engine, asked.batch, 14);
    expect(foreseeShortage(asked)).toBeNull();
    asked.engine.dispose();
  });

  it("bounds memory by the option, and by what each process gets", () => {
    boundMemory(configOf("train.memoryLimitGiB=0.5"), null);
    expect(memoryStats().bound).toBe(512 * MIB);
    boundMemory(configOf(), null);
    const alone = memoryStats().bound;
    boundMemory(configOf(), { rank: 0, size: 4, localRank: 0, address: "127.0.0.1", port: 1 });
    expect(alone / memoryStats().bound).toBeGreaterThan(3);
  });
});
