/**
 * Annotations in MATLAB v5 files: RCCNucSeg (`instance_map`, `class_map`, `TCGA_file_name`) and CoNSeP
 * (`inst_map`, `type_map`) (spec/data.md §1, §6).
 *
 * @module
 */
import { FileFormatError } from "@renograde/core";
import { type Mat5Value, parseMat5 } from "@renograde/formats";
import { readFileBytes } from "@renograde/slides/node";
import type { NumericMap } from "./check-labels.js";

/** The maps of one file, of any numeric type. */
export interface MatLabels {
  readonly instances: NumericMap;
  readonly classes: NumericMap;
  /** `TCGA_file_name`, where present. */
  readonly slideName: string | null;
}

const KEY_PAIRS = [
  ["instance_map", "class_map"],
  ["inst_map", "type_map"],
] as const;

function toMap(value: Mat5Value, key: string, path: string): NumericMap {
  if (value.kind !== "numeric" || value.shape.length !== 2 || value.imaginary) {
    const what =
      value.kind === "numeric" ? `an array of shape [${value.shape.join(", ")}]` : `a ${value.kind}`;
    throw new FileFormatError(path, "MATLAB", `${key} is ${what}, expected a real matrix of rows x columns`);
  }
  const [height = 0, width = 0] = value.shape;
  const { data } = value;
  if (data instanceof BigInt64Array || data instanceof BigUint64Array) {
    return { width, height, data: Float64Array.from(data, (v) => Number(v)) };
  }
  return { width, height, data };
}

/**
 * Reads one annotation file.
 *
 * @throws FileFormatError when it is no MATLAB v5 file or lacks the maps
 * @throws FileAccessError when it cannot be read
 */
export async function readMatLabels(path: string): Promise<MatLabels> {
  const variables = parseMat5(await readFileBytes(path), path);
  for (const [instanceKey, classKey] of KEY_PAIRS) {
    const instances = variables.get(instanceKey);
    const classes = variables.get(classKey);
    if (instances === undefined || classes === undefined) continue;
    const slide = variables.get("TCGA_file_name");
    return {
      instances: toMap(instances, instanceKey, path),
      classes: toMap(classes, classKey, path),
      slideName: slide?.kind === "char" ? (slide.rows[0]?.trim() ?? null) : null,
    };
  }
  throw new FileFormatError(
    path,
    "MATLAB",
    `holds ${[...variables.keys()].join(", ") || "nothing"}, expected instance_map and class_map (or inst_map and type_map)`,
  );
}
