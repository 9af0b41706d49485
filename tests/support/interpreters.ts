/**
 * The same function of a backend through each interpreter, for the same weights and inputs.
 *
 * @module
 */
import { createRandom } from "@renograde/core";
import { encodeOnnxModel, type OnnxValue } from "@renograde/formats";
import {
  type Backend,
  ONNX_OPSET,
  ReferenceBackend,
  ShapeBackend,
  type StateDict,
  type Tensor,
  traceOnnx,
} from "@renograde/nn";
import * as torch from "@renograde/torch";
import { InferenceSession, Tensor as OrtTensor } from "onnxruntime-node";
import { randomState } from "../../packages/nn/src/testing/random-state.js";

/** A function of a backend with any number of inputs and named outputs. */
export type Program = <T>(F: Backend<T>, xs: readonly T[]) => Readonly<Record<string, T>>;

/** A program with weights and inputs. */
export interface Prepared {
  readonly program: Program;
  readonly state: StateDict;
  readonly specs: ShapeBackend["specs"];
  readonly inputs: readonly { readonly dims: readonly number[]; readonly data: Float64Array }[];
}

/** Draws weights and inputs; all are float32 values, so that no interpreter rounds them. */
export function prepare(
  program: Program,
  inputs: readonly (readonly number[])[],
  range: readonly [number, number] = [-1, 1],
  seed = 1,
): Prepared {
  const F = new ShapeBackend();
  program(
    F,
    inputs.map((dims) => F.input(dims)),
  );
  const drawn = inputs.map((dims, i) => {
    const random = createRandom(seed, "input", i);
    const n = dims.reduce((p, v) => p * v, 1);
    return { dims, data: Float64Array.from({ length: n }, () => Math.fround(random.uniform(...range))) };
  });
  return { program, specs: F.specs, state: randomState(F.specs, seed), inputs: drawn };
}

/** Outputs by name, and the state afterwards. */
export interface Result {
  readonly outputs: Readonly<Record<string, { dims: readonly number[]; data: ArrayLike<number> }>>;
  readonly state: ReadonlyMap<string, ArrayLike<number>>;
}

/** Through the reference interpreter. */
export function runReference(
  { program, state, inputs }: Prepared,
  options: { training?: boolean; type?: "float32" | "float64" } = {},
): Result & { outputs: Readonly<Record<string, Tensor>> } {
  const F = new ReferenceBackend(state, options);
  const outputs = program(
    F,
    inputs.map(({ dims, data }) => F.tensor(dims, data)),
  );
  return { outputs, state: new Map([...F.state].map(([name, { data }]) => [name, data])) };
}

/** Through libtorch. */
export function runTorch(
  { program, state, specs, inputs }: Prepared,
  options: { training?: boolean; dtype?: "float32" | "float64" } = {},
): Result {
  const { training = false, dtype = "float64" } = options;
  const store = new torch.ParameterStore(specs, state, { dtype });
  const outputs: Record<string, { dims: readonly number[]; data: ArrayLike<number> }> = {};
  torch.tidy(() => {
    torch.noGrad(() => {
      const F = new torch.TorchBackend(store, { training });
      const xs = inputs.map(({ dims, data }) => torch.tensor(data, dims, { dtype }));
      for (const [name, y] of Object.entries(program(F, xs))) {
        outputs[name] = { dims: y.shape, data: y.toFloat64Array() };
      }
    });
  });
  const after = new Map([...store.state()].map(([name, { data }]) => [name, data]));
  store.dispose();
  return { outputs, state: after };
}

/** Through ONNX Runtime on the CPU, in float32; sizes are left open in the graph. */
export async function runOnnx(
  prepared: Prepared,
  expected: Result["outputs"],
  options: { foldBatchNorm?: boolean } = {},
): Promise<Result["outputs"]> {
  const open = (name: string, dims: readonly number[]): OnnxValue => ({
    name,
    dtype: "float32",
    dims: dims.map(() => ""),
  });
  const graph = traceOnnx(
    {
      name: "case",
      inputs: prepared.inputs.map(({ dims }, i) => open(`x${i}`, dims)),
      outputs: Object.entries(expected).map(([name, { dims }]) => open(name, dims)),
      ...options,
    },
    prepared.state,
    prepared.program,
  );
  return runModel(encodeOnnxModel(graph, { opset: ONNX_OPSET }), prepared, (i) => `x${i}`);
}

/** Runs an ONNX file on the inputs. */
export async function runModel(
  bytes: Uint8Array,
  { inputs }: Pick<Prepared, "inputs">,
  inputName: (index: number) => string,
): Promise<Result["outputs"]> {
  const session = await InferenceSession.create(bytes, { intraOpNumThreads: 1, logSeverityLevel: 3 });
  const feeds = inputs.map(({ dims, data }, i): [string, OrtTensor] => [
    inputName(i),
    new OrtTensor("float32", Float32Array.from(data), dims),
  ]);
  const result = await session.run(Object.fromEntries(feeds));
  await session.release();
  return Object.fromEntries(
    Object.entries(result).map(([name, { dims, data }]) => {
      if (!(data instanceof Float32Array)) throw new Error(`output ${name} is not float32`);
      return [name, { dims, data }];
    }),
  );
}
