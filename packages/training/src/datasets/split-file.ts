/**
 * Split files: which image of a data set is in which set, written by `dataset split`, read by training
 * (`split.file`). Images are named by their path below the data set's folder, so files stay where they are.
 *
 * @module
 */
import { relative, sep } from "node:path";
import { DataError, FileFormatError } from "@renograde/core";
import { readFileBytes } from "@renograde/slides/node";
import { type Dataset, SET_NAMES, type SetName } from "./dataset.js";
import type { Split } from "./split.js";

const FORMAT = "split file";

/** Path of an image below the data set's folder, with `/` between the parts. */
export function imageKey(dataset: Dataset, index: number): string {
  return relative(dataset.root, dataset.entries[index]!.imagePath).split(sep).join("/");
}

/** Writes a split as JSON. */
export function formatSplitFile(dataset: Dataset, split: Split): string {
  const keys = (set: SetName): string[] => split[set].map((index) => imageKey(dataset, index));
  const content = {
    format: 1,
    generator: "renograde dataset split",
    origin: split.origin,
    train: keys("train"),
    valid: keys("valid"),
    test: keys("test"),
  };
  return `${JSON.stringify(content, null, 2)}\n`;
}

function parse(text: string, path: string): Record<string, unknown> {
  try {
    const json: unknown = JSON.parse(text);
    if (typeof json === "object" && json !== null && !Array.isArray(json)) return { ...json };
  } catch {
    // told below
  }
  throw new FileFormatError(
    path,
    FORMAT,
    "is no split file; make one with renograde dataset split --out FILE.json",
  );
}

/**
 * Reads a split file for a data set. Images the file does not name belong to no set.
 *
 * @throws FileAccessError, FileFormatError when the file cannot be read
 * @throws DataError when it names an image twice, or one the data set does not have
 */
export async function readSplitFile(path: string, dataset: Dataset): Promise<Split> {
  const json = parse(new TextDecoder().decode(await readFileBytes(path)), path);
  const indexOf = new Map(dataset.entries.map((_, i) => [imageKey(dataset, i), i]));
  const seen = new Map<number, SetName>();
  const sets: Record<SetName, number[]> = { train: [], valid: [], test: [] };
  for (const set of SET_NAMES) {
    const keys = json[set] ?? [];
    if (!Array.isArray(keys)) throw new FileFormatError(path, FORMAT, `"${set}" must be a list of images`);
    for (const key of keys) {
      const index = typeof key === "string" ? indexOf.get(key) : undefined;
      if (index === undefined) {
        throw new DataError(
          `${path}: names ${JSON.stringify(key)} in ${set}, which ${dataset.root} does not have; make the split file again for this folder`,
        );
      }
      const other = seen.get(index);
      if (other !== undefined) {
        throw new DataError(
          `${path}: names ${JSON.stringify(key)} twice, in ${other} and in ${set}; remove one`,
        );
      }
      seen.set(index, set);
      sets[set].push(index);
    }
    sets[set].sort((a, b) => a - b);
  }
  const left = dataset.entries.length - seen.size;
  const origin = typeof json.origin === "string" ? json.origin : "unknown";
  return { ...sets, origin: `${path} (${origin})${left > 0 ? `, ${left} images in no set` : ""}` };
}
