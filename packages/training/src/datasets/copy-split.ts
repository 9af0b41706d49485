/**
 * A data set copied into folders train, valid and test as a split says, for programs that know only folders.
 *
 * @module
 */
import { existsSync } from "node:fs";
import { stat } from "node:fs/promises";
import { extname, join } from "node:path";
import { throwIfAborted, UsageError } from "@renograde/core";
import { copyFileAtomic, readFileBytes, writeFileAtomic } from "@renograde/slides/node";
import { samplePaths } from "./convert/write-sample.js";
import { type Dataset, SET_NAMES } from "./dataset.js";
import type { Split } from "./split.js";
import { formatSplitFile } from "./split-file.js";

/** Files that describe a folder and go with it. */
const COMPANIONS = ["classes.json", "SYNTHETIC.json", "SOURCE.md"];

/** What {@link copySplit} did. */
export interface CopySummary {
  readonly copied: number;
  readonly skipped: number;
}

/**
 * Copies every image with its annotation into the folder of its set, and the split file beside them. Images that
 * are there already are kept.
 *
 * @throws UsageError when the folder holds another split, or two images of one set have one name
 * @throws FileAccessError when a file cannot be copied
 * @throws InterruptedError when `signal` is aborted; copied images are kept
 */
export async function copySplit(
  dataset: Dataset,
  split: Split,
  outDir: string,
  options: { signal?: AbortSignal; onProgress?: (done: number, total: number) => void } = {},
): Promise<CopySummary> {
  const note = join(outDir, "split.json");
  const text = formatSplitFile(dataset, split);
  const names = new Set<string>();
  for (const set of SET_NAMES) {
    for (const index of split[set]) {
      const key = `${set}/${dataset.entries[index]!.name}`;
      if (names.has(key)) {
        throw new UsageError(
          `${outDir}: two images named "${dataset.entries[index]!.name}" would fall into ${set}; write a split file with --out FILE.json instead`,
        );
      }
      names.add(key);
    }
  }
  if (!existsSync(note)) await writeFileAtomic(note, text);
  else if (new TextDecoder().decode(await readFileBytes(note)) !== text) {
    throw new UsageError(`${note}: this folder holds another split; choose another folder`);
  }
  for (const name of COMPANIONS) {
    const from = join(dataset.root, name);
    if (existsSync(from)) await copyFileAtomic(from, join(outDir, name));
  }
  let done = 0;
  let skipped = 0;
  for (const set of SET_NAMES) {
    for (const index of split[set]) {
      throwIfAborted(options.signal);
      const entry = dataset.entries[index]!;
      const paths = samplePaths(outDir, dataset.layout, set, entry.name);
      const imagePath = paths.image.slice(0, -extname(paths.image).length) + extname(entry.imagePath);
      const there = await stat(imagePath).catch(() => null);
      if (there?.isFile()) skipped++;
      else {
        await copyFileAtomic(entry.labelPath, paths.labels);
        if (entry.classPath !== null && paths.classes !== null) {
          await copyFileAtomic(entry.classPath, paths.classes);
        }
        await copyFileAtomic(entry.imagePath, imagePath);
      }
      options.onProgress?.(++done, names.size);
    }
  }
  return { copied: done - skipped, skipped };
}
