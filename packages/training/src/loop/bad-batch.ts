/**
 * The batch that made a loss infinite, kept for inspection.
 *
 * @module
 */
import { encodeSafetensors, type SafetensorSource } from "@renograde/formats";
import { writeFileAtomic } from "@renograde/slides/node";
import type { Batch } from "../targets/batch.js";
import { TARGET_KINDS } from "../targets/target-kinds.js";

const DTYPES = { uint8: "U8", int32: "I32", float32: "F32" } as const;

/**
 * Writes images (`images`, `[N, 3, crop, crop]` bytes) and targets of a batch as safetensors, with the names of its
 * samples as metadata.
 *
 * @throws FileAccessError when it cannot be written
 */
export async function writeBadBatch(
  path: string,
  { images, targets, size, plan }: Batch,
  names: readonly string[],
): Promise<void> {
  const tensors = [...targets].map(([name, data]): [string, SafetensorSource] => {
    const { element, shape } = TARGET_KINDS[name];
    return [name, { dtype: DTYPES[element], shape: shape(size, plan.output), data }];
  });
  const pixels: SafetensorSource = { dtype: "U8", shape: [size, 3, plan.crop, plan.crop], data: images };
  const metadata: [string, string][] = [["samples", JSON.stringify(names)]];
  await writeFileAtomic(path, encodeSafetensors([["images", pixels], ...tensors], metadata));
}
