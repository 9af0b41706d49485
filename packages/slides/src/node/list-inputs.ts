/**
 * From the files and folders a user names to the list of inputs, with the name each one's outputs get: the
 * folder structure below a named folder is kept.
 *
 * @module
 */
import { readdir, realpath, stat } from "node:fs/promises";
import { basename, extname, join, relative, resolve, sep } from "node:path";
import { FileAccessError, UsageError } from "@renograde/core";
import { toFileAccessError } from "./files.js";

/** Endings of plain images, lower case. */
export const IMAGE_EXTENSIONS: readonly string[] = [".png", ".jpg", ".jpeg", ".tif", ".tiff"];

/** Endings of images that are not read, lower case: other plain formats, and slides. */
const OTHER_IMAGES: readonly string[] =
  ".bmp .gif .webp .avif .heic .jp2 .j2k .jxl .psd .svs .ndpi .mrxs .scn .vms .vmu .bif .czi .vsi .dcm .isyntax".split(
    " ",
  );

/** One input file. */
export interface InputFile {
  readonly path: string;
  /** Path of its outputs below the output folder, without ending, with `/` between folders: `case1/tile_07`. */
  readonly stem: string;
}

/** Options of {@link listInputs}. */
export interface ListInputsOptions {
  /** Endings taken from folders, default {@link IMAGE_EXTENSIONS}. A file named by itself is taken as it is. */
  readonly extensions?: readonly string[];
  /** Where outputs will go; what lies in it is no input when it is inside a named folder. */
  readonly outDir?: string;
  /** Receives the images of other formats that were found in a named folder and left out. */
  readonly onLeftOut?: (folder: string, paths: readonly string[]) => void;
}

/**
 * Lists files, and folders with everything below them, in a fixed order. Hidden files and folders are left out.
 * A file keeps its base name, a file found in a folder its path relative to that folder.
 *
 * @throws FileAccessError when an input does not exist, is no regular file, or has a name that is not UTF-8
 * @throws UsageError when two inputs would write the same name, when a folder holds no image, when nothing was
 *   named, or when the outputs would go into a named input folder itself
 */
export async function listInputs(
  inputs: readonly string[],
  options: ListInputsOptions = {},
): Promise<InputFile[]> {
  if (inputs.length === 0) throw new UsageError("no input was named; name at least one image or folder");
  const extensions = options.extensions ?? IMAGE_EXTENSIONS;
  const outDir = options.outDir === undefined ? undefined : await real(options.outDir);
  const found: InputFile[] = [];
  for (const input of inputs) {
    const info = await stat(input).catch((cause: unknown) => {
      throw toFileAccessError(input, cause);
    });
    if (!info.isDirectory()) {
      if (!info.isFile()) {
        throw new FileAccessError(input, "is a device or a pipe; name a file or a folder");
      }
      found.push({ path: input, stem: withoutExtension(basename(input)) });
      continue;
    }
    if (outDir !== undefined && (await real(input)) === outDir) {
      throw new UsageError(`${input}: outputs cannot go into the input folder itself; choose another folder`);
    }
    const leftOut: string[] = [];
    const files = await walk(input, extensions, outDir, new Set(), leftOut);
    if (leftOut.length > 0) options.onLeftOut?.(input, leftOut);
    if (files.length === 0) {
      throw new UsageError(`${input}: the folder holds no input file (${extensions.join(", ")})`);
    }
    for (const path of files) {
      found.push({ path, stem: withoutExtension(relative(input, path)).split(sep).join("/") });
    }
  }
  const byStem = new Map<string, string>();
  for (const { path, stem } of found) {
    const other = byStem.get(stem);
    if (other !== undefined) {
      throw new UsageError(
        resolve(other) === resolve(path)
          ? `${path}: named twice; name every input once`
          : `${other} and ${path} would both write "${stem}"; rename one or grade them into separate folders`,
      );
    }
    byStem.set(stem, path);
  }
  return found;
}

/** The real path, or the absolute one of what does not exist yet. */
async function real(path: string): Promise<string> {
  return await realpath(path).catch(() => resolve(path));
}

const hasEnding = (path: string, endings: readonly string[]): boolean =>
  endings.includes(extname(path).toLowerCase());

function withoutExtension(path: string): string {
  return path.slice(0, path.length - extname(path).length);
}

async function walk(
  folder: string,
  extensions: readonly string[],
  outDir: string | undefined,
  ancestors: ReadonlySet<string>,
  leftOut: string[],
): Promise<string[]> {
  const here = await real(folder);
  if (here === outDir || ancestors.has(here)) return [];
  const inside = new Set(ancestors).add(here);
  const names = await readdir(folder).catch((cause: unknown) => {
    throw toFileAccessError(folder, cause);
  });
  const files: string[] = [];
  for (const name of names.sort()) {
    if (name.startsWith(".")) continue;
    const path = join(folder, name);
    const info = await stat(path).catch(() => undefined);
    const isInput = hasEnding(name, extensions);
    // A dangling link is no input. Bytes that are no UTF-8 arrive as U+FFFD, under which no file is found.
    if (info === undefined && name.includes("\ufffd") && (isInput || extname(name) === "")) {
      throw new FileAccessError(path, "the name of this file is not UTF-8; rename it");
    }
    if (info?.isDirectory()) files.push(...(await walk(path, extensions, outDir, inside, leftOut)));
    else if (info?.isFile() && isInput) files.push(path);
    else if (info?.isFile() && hasEnding(name, OTHER_IMAGES)) leftOut.push(path);
  }
  return files;
}
