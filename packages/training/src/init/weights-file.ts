/**
 * Weights to train on from, as one file: safetensors with our names whose metadata say what network they belong to.
 * An ONNX model cannot serve for that, because its batch norms are folded away.
 *
 * @module
 */
import { type ClassScheme, FileFormatError, validateClassScheme } from "@renograde/core";
import { numberToHalf, type SafetensorSource, safetensorsChunks } from "@renograde/formats";
import type { StateDict } from "@renograde/nn";
import { writeChunksAtomic } from "@renograde/slides/node";
import { z } from "zod";

/** What the weights belong to. */
export interface WeightsOrigin {
  readonly name: string;
  readonly licence: string;
  readonly classes: ClassScheme;
  /** Micrometres per pixel. */
  readonly mpp: number;
  /** The options `net.*`. */
  readonly net: Readonly<Record<string, unknown>>;
}

const KEY = "renograde.weights";

const originSchema = z.object({
  format: z.literal(1),
  name: z.string(),
  licence: z.string(),
  classes: z.unknown(),
  mpp: z.number().positive(),
  net: z.record(z.string(), z.unknown()),
});

/**
 * Writes `<path>`, atomically.
 *
 * @param half - kernels in 16 bits; what is one number per channel stays in 32, because running variances may be
 *   beyond the range of 16
 * @throws FileAccessError when the disk is full or the folder cannot be written
 */
export async function writeWeightsFile(
  path: string,
  state: StateDict,
  origin: WeightsOrigin,
  half: boolean,
): Promise<void> {
  const tensors = [...state].map(([name, { shape, data }]): [string, SafetensorSource] =>
    half && shape.length > 1
      ? [name, { dtype: "F16", shape, data: () => Uint16Array.from(data, numberToHalf) }]
      : [name, { dtype: "F32", shape, data: () => Float32Array.from(data) }],
  );
  const text = JSON.stringify({ format: 1, ...origin });
  await writeChunksAtomic(path, safetensorsChunks(tensors, [[KEY, text]]));
}

/**
 * What a file of {@link writeWeightsFile} says of its weights; null for other files.
 *
 * @throws FileFormatError when it is damaged
 */
export function readWeightsOrigin(
  path: string,
  metadata: ReadonlyMap<string, string> | undefined,
): WeightsOrigin | null {
  const text = metadata?.get(KEY);
  if (text === undefined) return null;
  try {
    const { classes, ...rest } = originSchema.parse(JSON.parse(text));
    return { ...rest, classes: validateClassScheme(classes as ClassScheme) };
  } catch (cause) {
    throw new FileFormatError(path, "weights", `its metadata "${KEY}" are damaged; export it again`, {
      cause,
    });
  }
}
