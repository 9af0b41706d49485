/**
 * Tensors of a file under our names: every one of ours is filled exactly once, every one of theirs is used or known
 * to be no weight, and shapes are compared before anything is read.
 *
 * @module
 */
import { DataError, listSome } from "@renograde/core";
import type { ParameterSpec, StateTensor } from "@renograde/nn";
import type { ForeignTensor, ForeignWeights } from "./read-weights.js";
import type { WeightFamily } from "./weight-families.js";

/** What a file gave. */
export interface Translated {
  /** Under our names, in the order of the specs. */
  readonly state: Map<string, StateTensor>;
  /** Names in the file that were not needed. */
  readonly unused: readonly string[];
}

/** The family of a file's names, or undefined. */
export function familyOf(
  weights: ForeignWeights,
  families: readonly WeightFamily[],
): WeightFamily | undefined {
  const names = new Set([...weights.tensors.keys()].map(plainName));
  return families.find((family) => family.marks.every((mark) => names.has(mark)));
}

/**
 * TensorFlow's names may end with the number of an output; HoVer-Net's later PyTorch files write `conv0./.weight`,
 * `conv1/bn.weight` and `preact_bna/bn.weight` for what the earlier ones call `conv0.conv.weight`, `conv1_bn.weight` and
 * `preact_bn.weight`.
 */
function plainName(name: string): string {
  return name
    .replace(/:0$/, "")
    .replace("./.", ".conv.")
    .replace("preact_bna/bn.", "preact/bn.")
    .replace("/bn.", "_bn.");
}

/**
 * Fills every parameter and buffer the family holds.
 *
 * @param specs - declarations of the network, or the part of them that the file should fill
 * @throws DataError naming the tensors that are missing, of another shape, or unknown
 */
export async function translate(
  weights: ForeignWeights,
  family: WeightFamily,
  specs: readonly ParameterSpec[],
): Promise<Translated> {
  const file = new Map([...weights.tensors].map(([name, tensor]) => [plainName(name), tensor]));
  const plan: { spec: ParameterSpec; tensor: ForeignTensor }[] = [];
  const used = new Set<string>();
  const problems: string[] = [];
  for (const spec of specs) {
    const name = family.theirs(spec.name);
    if (name === null) continue;
    const tensor = file.get(name);
    const shown = name === spec.name ? `'${name}'` : `'${name}' (our ${spec.name})`;
    if (tensor === undefined) problems.push(`${shown} is missing`);
    else {
      const expected = fileShape(spec.shape, family);
      if (tensor.shape.join() !== expected.join()) {
        problems.push(`${shown} should be [${expected.join(", ")}] but is [${tensor.shape.join(", ")}]`);
      }
      used.add(name);
      plan.push({ spec, tensor });
    }
  }
  const unused = [...file.keys()].filter((name) => !used.has(name));
  for (const name of unused)
    if (!family.isExtra(name)) problems.push(`'${name}' has no place in the network`);
  if (problems.length > 0) {
    throw new DataError(`${weights.path}: does not fit as ${family.title}: ${listSome(problems, 4, "; ")}`);
  }
  const state = new Map<string, StateTensor>();
  for (const { spec, tensor } of plan) {
    const data = await tensor.read();
    const ordered = spec.shape.length === 4 && family.kernels === "HWIO" ? toOihw(data, spec.shape) : data;
    state.set(spec.name, { shape: spec.shape, data: ordered });
  }
  return { state, unused };
}

/** Shape in the file of a tensor with our shape. */
function fileShape(shape: readonly number[], family: WeightFamily): readonly number[] {
  if (shape.length !== 4 || family.kernels === "OIHW") return shape;
  const [out, cin, height, width] = shape;
  return [height!, width!, cin!, out!];
}

/** Kernels `[H, W, I, O]` as `[O, I, H, W]`, the given shape. */
function toOihw<A extends Float32Array | Float64Array>(data: A, shape: readonly number[]): A {
  const [out, cin, height, width] = shape as [number, number, number, number];
  const result = data.slice() as A;
  const pixels = height * width;
  for (let o = 0, to = 0; o < out; o++) {
    for (let i = 0; i < cin; i++) {
      for (let p = 0; p < pixels; p++) result[to++] = data[(p * cin + i) * out + o]!;
    }
  }
  return result;
}
