/**
 * What both ranks of the process group's tests do. Run as a program it is rank 1 and prints what it saw as JSON.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { backward } from "../autograd.js";
import { ProcessGroup } from "../process-group.js";
import { readProcessPlace } from "../process-place.js";
import { op, tensor, tidy } from "../tensor.js";

const leaf = (value: number) => tensor(new Float32Array(3).fill(value), [3]).setRequiresGrad(true);

/** Every operation once. */
export async function exchange(group: ProcessGroup): Promise<Record<string, unknown>> {
  const { rank } = group.place;
  const value = tensor(Float32Array.of(1, 10 * rank), [2]);
  const work = group.allreduce(value);
  work.wait();
  const state = tensor(Float32Array.of(rank, rank), [2]);
  group.broadcast(state);
  const gathered = group.allgather(tensor(Int32Array.of(rank), [1])).map((one) => one.item());
  if (rank === 0) group.post("epoch", "go on");
  const note = await group.waitFor("epoch");
  group.barrier();

  // loss = sum(w1 * w2) on both ranks, plus rank 1's own sum(w3); nothing reaches w4.
  const weights = [leaf(2), leaf(3 + rank), leaf(5), leaf(7)];
  const [w1, w2, w3] = weights as [(typeof weights)[0], (typeof weights)[0], (typeof weights)[0]];
  const reducers = [group.reducer([w2, w1], 12), group.reducer(weights, 12)];
  const steps = reducers.map((reducer) => {
    for (const weight of weights) weight.setGrad(null);
    reducer.arm();
    tidy(() => {
      const product = op("sum", [op("mul.Tensor", [w1, w2])]);
      backward(rank === 0 ? product : op("add.Tensor", [product, op("sum", [w3])]));
    });
    const counts = reducer.finish();
    reducer.dispose();
    return { ...counts, gradients: weights.map((weight) => weight.grad?.toFloat32Array()[2] ?? null) };
  });
  return {
    allreduce: Array.from(value.toFloat32Array()),
    sum: group.sum([rank + 1, 0.1]),
    broadcast: Array.from(state.toFloat32Array()),
    gathered,
    note,
    steps,
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const group = await ProcessGroup.connect({ place: readProcessPlace(process.env)!, timeoutMs: 20_000 });
  process.stdout.write(JSON.stringify(await exchange(group)));
  // Rank 0 kills this process while it waits for an operation only it has called.
  if (process.env.THEN_WAIT === "1") await group.waitFor("never");
  group.destroy();
}
