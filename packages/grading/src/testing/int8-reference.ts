/**
 * A slow, obvious interpreter of 8-bit graphs in QDQ form on integers, as ONNX Runtime's integer kernels compute them:
 * int32 sums, one float32 factor per channel, ties to even. It also counts the neighbouring products whose sum leaves
 * the 16 bits that `vpmaddubsw` of CPUs without VNNI has for it.
 *
 * @module
 */
import type { OnnxGraph, OnnxNode, OnnxTensor } from "@renograde/formats";

/** Bytes with their meaning: real value = scale · (byte − zero). */
interface Bytes {
  readonly kind: "bytes";
  readonly dims: readonly number[];
  readonly data: ArrayLike<number>;
  readonly scales: ArrayLike<number>;
  readonly zero: number;
}

/** Results not yet rounded: real value = factor of the channel · sum. */
interface Sums {
  readonly kind: "sums";
  readonly dims: readonly number[];
  readonly data: Float64Array;
  readonly factors: ArrayLike<number>;
}

type Value = Bytes | Sums;

/** Result of {@link runInt8Reference}. */
export interface Int8Result {
  /** The graph's only output in real numbers. */
  readonly data: Float32Array;
  /** Sums of two neighbouring products outside −32,768 … 32,767. */
  readonly saturatedPairs: number;
}

/** Runs a graph whose first node quantises its only input, on one input. */
export function runInt8Reference(graph: OnnxGraph, input: Float32Array, dims: readonly number[]): Int8Result {
  const constants = new Map(graph.initializers.map((tensor) => [tensor.name, tensor]));
  const values = new Map<string, Value>();
  let saturatedPairs = 0;
  values.set(graph.inputs[0]!.name, { kind: "sums", dims, data: Float64Array.from(input), factors: [1] });
  for (const node of graph.nodes) {
    const [x, s, z] = node.inputs;
    const numbers = (name: string | undefined): ArrayLike<number> => plain(constants.get(name!)!);
    let result: Value;
    if (node.opType === "QuantizeLinear") {
      result = quantize(values.get(x!) as Sums, numbers(s)[0]!, numbers(z)[0]!);
    } else if (node.opType === "DequantizeLinear") {
      const constant = constants.get(x!);
      const bytes = constant ? { dims: constant.dims, data: plain(constant) } : (values.get(x!) as Bytes);
      result = {
        kind: "bytes",
        dims: bytes.dims,
        data: bytes.data,
        scales: numbers(s),
        zero: numbers(z)[0]!,
      };
    } else {
      const inputs = node.inputs
        .map((name) => values.get(name))
        .filter((v): v is Bytes => v?.kind === "bytes");
      result = runOperator(node, inputs, (pairs) => {
        saturatedPairs += pairs;
      });
    }
    values.set(node.outputs[0]!, result);
  }
  const out = values.get(graph.outputs[0]!.name) as Bytes;
  const scale = out.scales[0]!;
  return { data: Float32Array.from(out.data, (byte) => scale * (byte - out.zero)), saturatedPairs };
}

function plain(tensor: OnnxTensor): ArrayLike<number> {
  return tensor.dtype === "int64" ? Array.from(tensor.data, Number) : tensor.data;
}

function roundHalfToEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}

function quantize(x: Sums, scale: number, zero: number): Bytes {
  const plane = x.dims[2]! * x.dims[3]!;
  const data = Uint8Array.from(x.data, (sum, i) => {
    const factor = x.factors[Math.floor(i / plane) % x.factors.length]!;
    const multiplier = Math.fround(Math.fround(factor) / scale);
    const q = roundHalfToEven(Math.fround(sum * multiplier)) + zero;
    return Math.min(255, Math.max(0, q));
  });
  return { kind: "bytes", dims: x.dims, data, scales: [scale], zero };
}

function runOperator(node: OnnxNode, inputs: readonly Bytes[], onSaturated: (pairs: number) => void): Value {
  const [a, b] = inputs;
  switch (node.opType) {
    case "Conv":
      return convolve(node, inputs as readonly [Bytes, Bytes, Bytes], onSaturated);
    case "Add": {
      const data = Float64Array.from(a!.data, (_, i) => real(a!, i) + real(b!, i));
      return { kind: "sums", dims: a!.dims, data, factors: [1] };
    }
    case "Concat": {
      const channels = inputs.reduce((sum, v) => sum + v.dims[1]!, 0);
      const data = inputs.flatMap((v) => Array.from(v.data, (_, i) => real(v, i)));
      const dims = [1, channels, ...a!.dims.slice(2)];
      return { kind: "sums", dims, data: Float64Array.from(data), factors: [1] };
    }
    case "Resize": {
      const [, channels, height, width] = a!.dims as [number, number, number, number];
      const data = new Float64Array(4 * a!.data.length);
      for (let i = 0; i < data.length; i++) {
        const px = i % (2 * width);
        const py = Math.floor(i / (2 * width)) % (2 * height);
        const c = Math.floor(i / (4 * width * height));
        data[i] = real(a!, (c * height + (py >> 1)) * width + (px >> 1));
      }
      return { kind: "sums", dims: [1, channels, 2 * height, 2 * width], data, factors: [1] };
    }
    default:
      throw new Error(`${node.opType} is not among the operators of the reference`);
  }
}

function real(v: Bytes, i: number): number {
  return v.scales[0]! * (v.data[i]! - v.zero);
}

function convolve(
  node: OnnxNode,
  [x, w, b]: readonly [Bytes, Bytes, Bytes],
  onSaturated: (pairs: number) => void,
): Sums {
  const numbers = (name: string): readonly number[] => {
    const attribute = node.attributes[name];
    return attribute?.kind === "ints" ? attribute.value : [];
  };
  const stride = numbers("strides")[0]!;
  const pad = numbers("pads")[0]!;
  const [, cin, height, width] = x.dims as [number, number, number, number];
  const [out, , kernel] = w.dims as [number, number, number];
  const oh = Math.floor((height + 2 * pad - kernel) / stride) + 1;
  const ow = Math.floor((width + 2 * pad - kernel) / stride) + 1;
  const data = new Float64Array(out * oh * ow);
  for (let i = 0; i < data.length; i++) {
    const o = Math.floor(i / (oh * ow));
    const [row, column] = [Math.floor(i / ow) % oh, i % ow];
    let sum = b.data[o]!;
    for (let ky = 0; ky < kernel; ky++) {
      for (let kx = 0; kx < kernel; kx++) {
        const [sy, sx] = [row * stride - pad + ky, column * stride - pad + kx];
        const inside = sy >= 0 && sx >= 0 && sy < height && sx < width;
        let before = 0;
        for (let c = 0; c < cin; c++) {
          // Padding holds the zero point; the kernel subtracts it from whole sums, so products are of raw bytes.
          const byte = inside ? x.data[(c * height + sy) * width + sx]! : x.zero;
          const weight = w.data[((o * cin + c) * kernel + ky) * kernel + kx]!;
          const product = byte * weight;
          if (c % 2 === 1 && (before + product > 32767 || before + product < -32768)) onSaturated(1);
          before = product;
          sum += (byte - x.zero) * weight;
        }
      }
    }
    data[i] = sum;
  }
  return { kind: "sums", dims: [1, out, oh, ow], data, factors: b.scales };
}
