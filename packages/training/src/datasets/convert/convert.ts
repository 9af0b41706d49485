/**
 * Conversion of foreign data sets into a layout training reads (spec/data.md §4 to §8): one image after the other,
 * so that any size of data set needs the memory of one image.
 *
 * @module
 */
import { basename, join, resolve, sep } from "node:path";
import {
  type ClassScheme,
  DataError,
  isRenogradeError,
  RCC_CLASSES,
  type RenogradeError,
  throwIfAborted,
  UsageError,
} from "@renograde/core";
import { readFileBytes, writeFileAtomic } from "@renograde/slides/node";
import { type ClassMapping, NUCLEUS_CLASSES, parseClassMapping, schemeFromNames } from "../class-map.js";
import type { DatasetLayout, SetName } from "../dataset.js";
import { openConic } from "./conic.js";
import { openConsep, openInstanceMats, openLizard } from "./mat-sources.js";
import { openMonusac } from "./monusac.js";
import { openGeoJson, openHoverNet } from "./outline-sources.js";
import { openOwn } from "./own-source.js";
import { openPannuke } from "./pannuke.js";
import { prepareSample } from "./prepare.js";
import type { ConvertSource, OpenSource } from "./source.js";
import { isWritten, samplePaths, writeSampleFiles } from "./write-sample.js";

const SOURCES = {
  pannuke: openPannuke,
  monusac: openMonusac,
  lizard: openLizard,
  conic: openConic,
  kumar: openInstanceMats,
  cpm: openInstanceMats,
  consep: openConsep,
  "hover-net": openHoverNet,
  geojson: openGeoJson,
  "label-png": openOwn,
  rccnucseg: openOwn,
} as const satisfies Readonly<Record<string, OpenSource>>;

/** Layouts that can be read. */
export type ConvertFrom = keyof typeof SOURCES;
/** {@link ConvertFrom} as values, for help texts. */
export const CONVERT_SOURCES = Object.keys(SOURCES) as readonly ConvertFrom[];

/** Options of {@link convertDataset}. */
export interface ConvertOptions {
  /** Folder of the source. */
  readonly input: string;
  readonly from: ConvertFrom;
  readonly to: DatasetLayout;
  readonly outDir: string;
  /** Pixel size of the source, µm/px; default: the one it was published with. */
  readonly mpp?: number;
  /** Pixel size to resample to; default: none. */
  readonly toMpp?: number;
  /** Mapping file of spec/data.md §6. */
  readonly classMap?: string;
  /** Puts every image into this set, whatever the folders say. */
  readonly set?: SetName;
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, total: number, name: string) => void;
  readonly onWarning?: (message: string) => void;
}

/** What {@link convertDataset} did. */
export interface ConvertSummary {
  readonly written: number;
  /** Images that an earlier run had written. */
  readonly skipped: number;
  /** Images that could not be converted; the others were. */
  readonly failures: readonly RenogradeError[];
  readonly classNames: readonly string[];
  /** Nuclei of the images written now, by class. */
  readonly perClass: readonly number[];
  /** Pixel size of what was written, where it is known. */
  readonly mpp: number | null;
}

async function mappingOf(source: ConvertSource, options: ConvertOptions): Promise<ClassMapping> {
  const { classes } = source;
  if (options.classMap !== undefined) {
    if (classes === null) {
      throw new UsageError(`--classes: ${options.input} has no classes to map; leave the mapping file out`);
    }
    const text = new TextDecoder().decode(await readFileBytes(options.classMap));
    return parseClassMapping(text, options.classMap);
  }
  if (classes === "numbers") {
    throw new UsageError(
      `${options.input}: the classes are numbers without names; give --classes FILE with {"1": 1, …, "names": […]}`,
    );
  }
  const scheme = classes === null ? NUCLEUS_CLASSES : schemeFromNames(options.from, classes);
  return { scheme, targets: null };
}

/** Output pixels per input pixel, and the pixel size of the output. */
function scaleOf(source: ConvertSource, options: ConvertOptions): { scale: number; mpp: number | null } {
  const from = options.mpp ?? source.mpp;
  if (options.toMpp === undefined) return { scale: 1, mpp: from };
  if (from === null) {
    throw new UsageError(
      `${options.input}: its pixel size is not known, so it cannot be resampled; give --mpp as well`,
    );
  }
  return { scale: from / options.toMpp, mpp: options.toMpp };
}

/** `classes.json` for folders that cannot name their classes themselves. */
function formatMapping(scheme: ClassScheme): string {
  const content = {
    ...Object.fromEntries(scheme.classes.map((_, i) => [i + 1, i + 1])),
    name: scheme.name,
    names: scheme.classes.map((c) => c.name),
    short: scheme.classes.map((c) => c.short),
    colors: scheme.classes.map((c) => c.color),
    tasks: scheme.tasks.map((task) => task.merge),
  };
  return `${JSON.stringify(content, null, 2)}\n`;
}

/** Writes a file, or checks that the one that is there says the same. */
async function settle(path: string, text: string, remedy: string): Promise<void> {
  const known = await readFileBytes(path).catch((error: unknown) => {
    const cause = error instanceof Error ? error.cause : undefined;
    if (cause instanceof Error && "code" in cause && cause.code === "ENOENT") return null;
    throw error;
  });
  if (known === null) await writeFileAtomic(path, text);
  else if (new TextDecoder().decode(known) !== text) {
    throw new UsageError(`${path}: this folder holds ${remedy}`);
  }
}

/** Notes what the folder holds, so that a second run continues only the same conversion. */
async function settleNotes(
  options: ConvertOptions,
  scheme: ClassScheme,
  mapping: ClassMapping,
  mpp: number | null,
) {
  const { outDir, to } = options;
  const note = {
    generator: "renograde dataset convert",
    input: basename(resolve(options.input)),
    from: options.from,
    to,
    set: options.set ?? null,
    mpp,
    resampledTo: options.toMpp ?? null,
    classes: scheme.classes.map((c) => c.name),
    mapping: mapping.targets === null ? null : Object.fromEntries(mapping.targets),
  };
  await settle(
    join(outDir, `conversion${options.set === undefined ? "" : `-${options.set}`}.json`),
    `${JSON.stringify(note, null, 2)}\n`,
    "a conversion of another input or with other options; choose another folder, or another --set",
  );
  if (to === "rccnucseg" && scheme !== RCC_CLASSES) {
    await settle(join(outDir, "classes.json"), formatMapping(scheme), "images with other classes");
  }
}

/**
 * Converts a data set. Images that are there already are kept, so an interrupted run continues. An image that
 * cannot be converted is told in {@link ConvertSummary.failures}; the others are written. Nothing stands half-written
 * under a final name.
 *
 * @throws DataError, FileFormatError, FileAccessError, ShapeError when the source as a whole cannot be read
 * @throws UsageError for impossible options, or a folder of another conversion
 * @throws InterruptedError when `signal` is aborted; finished images are kept
 */
export async function convertDataset(options: ConvertOptions): Promise<ConvertSummary> {
  const [from, to] = [resolve(options.input), resolve(options.outDir)];
  if (to === from || to.startsWith(`${from}${sep}`)) {
    throw new UsageError(
      `${options.outDir}: lies in the source, where a second run would take results for input; choose a folder outside ${options.input}`,
    );
  }
  const source = await SOURCES[options.from](options.input);
  try {
    const mapping = await mappingOf(source, options);
    const { scheme } = mapping;
    const { scale, mpp } = scaleOf(source, options);
    const items = source.items.map((item) => ({ ...item, set: options.set ?? item.set }));
    const keys = new Set(items.map((item) => `${item.set}/${item.name}`));
    if (keys.size !== items.length) {
      throw new DataError(
        `${options.input}: images of different sets have one name, so --set would mix them; convert the sets apart`,
      );
    }
    await settleNotes(options, scheme, mapping, mpp);
    for (const warning of source.warnings) options.onWarning?.(warning);
    const prepare = { targets: mapping.targets, classCount: scheme.classes.length, scale };
    const perClass = new Array<number>(scheme.classes.length).fill(0);
    const failures: RenogradeError[] = [];
    let skipped = 0;
    for (const [i, item] of items.entries()) {
      throwIfAborted(options.signal);
      const paths = samplePaths(options.outDir, options.to, item.set, item.name);
      if (await isWritten(paths)) {
        skipped++;
      } else {
        const sample = await item
          .load()
          .then((loaded) => prepareSample(loaded, `${options.input} (${item.name})`, prepare))
          .catch((error: unknown) => {
            if (!isRenogradeError(error)) throw error;
            failures.push(error);
            return null;
          });
        if (sample !== null) {
          for (const warning of sample.warnings) options.onWarning?.(warning);
          await writeSampleFiles(paths, sample, source.classes === null ? null : scheme);
          for (const type of sample.types.subarray(1)) perClass[type - 1]!++;
        }
      }
      options.onProgress?.(i + 1, items.length, item.name);
    }
    return {
      written: items.length - skipped - failures.length,
      skipped,
      failures,
      classNames: scheme.classes.map((c) => c.name),
      perClass,
      mpp,
    };
  } finally {
    await source.close();
  }
}
