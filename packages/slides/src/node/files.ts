/**
 * Reading and writing of whole files, with the system's failures told in one sentence. Nothing half-written ever
 * stands under a final name.
 *
 * @module
 */
import { createHash, randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { copyFile, mkdir, open, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { hostname } from "node:os";
import { dirname, join, resolve } from "node:path";
import { FileAccessError } from "@renograde/core";

/** Turns an error of Node's file functions into a {@link FileAccessError} that names `path` and the remedy. */
export function toFileAccessError(path: string, cause: unknown): FileAccessError {
  const code = (cause as { code?: unknown } | undefined)?.code;
  const problem =
    code === "ENOENT"
      ? "no such file or folder; check the spelling"
      : code === "EACCES" || code === "EPERM"
        ? "permission denied; check the rights of the file and its folder"
        : code === "EISDIR"
          ? "is a folder; name a file"
          : code === "ENOTDIR" || code === "EEXIST"
            ? "a file stands where a folder is needed; choose another folder"
            : code === "ENOSPC" || code === "EDQUOT"
              ? "the disk is full; free some space and start again (finished files are kept)"
              : code === "EROFS"
                ? "the file system is read-only; choose another folder"
                : code === "EFBIG" || code === "ERR_FS_FILE_TOO_LARGE"
                  ? "the file is too large; split it"
                  : code === "EMFILE" || code === "ENFILE"
                    ? "too many files are open; raise the limit (ulimit -n)"
                    : code === "ENAMETOOLONG"
                      ? "the name is too long; choose a shorter one"
                      : `cannot be read or written (${cause instanceof Error ? cause.message : String(cause)})`;
  return new FileAccessError(path, problem, { cause });
}

/**
 * Makes a folder and those above it, where they are missing. Node's own recursive `mkdir` names the wrong reason on a
 * read-only disk, and never returns on file systems that refuse new folders as if their parent were missing.
 *
 * @throws FileAccessError when it cannot be made, or a file has its name
 */
export async function makeFolder(path: string): Promise<void> {
  try {
    await makeFolders(path);
  } catch (cause) {
    if ((cause as { code?: unknown }).code !== "ENOENT") throw toFileAccessError(path, cause);
    throw new FileAccessError(path, "no folder can be made here; choose another folder", { cause });
  }
}

async function makeFolders(path: string): Promise<void> {
  for (const second of [false, true]) {
    try {
      await mkdir(path);
      return;
    } catch (cause) {
      const code = (cause as { code?: unknown }).code;
      if (code === "ENOENT" && !second && dirname(path) !== path) {
        await makeFolders(dirname(path));
        continue;
      }
      if (
        await stat(path).then(
          (info) => info.isDirectory(),
          () => false,
        )
      )
        return;
      throw cause;
    }
  }
}

/** Reads a whole file. @throws FileAccessError when it cannot be read */
export async function readFileBytes(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (cause) {
    throw toFileAccessError(path, cause);
  }
}

/** Temporary files are `.<machine>-<process>-<random>.tmp`, so that whose process was killed can be told from others. */
const MACHINE = createHash("sha256").update(hostname()).digest("hex").slice(0, 8);

/** Folders in which this process has looked for temporary files of killed ones. */
const cleaned = new Set<string>();

/** Whether a process of this machine runs; one of another user counts. */
function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as { code?: unknown }).code !== "ESRCH";
  }
}

/** Removes the temporary files that killed processes of this machine left in a folder; never fails. */
async function removeAbandoned(folder: string): Promise<void> {
  const path = resolve(folder);
  if (cleaned.has(path)) return;
  cleaned.add(path);
  for (const name of await readdir(path).catch(() => [])) {
    const match = /^\.([0-9a-f]{8})-(\d+)-[0-9a-f]{16}\.tmp$/.exec(name);
    if (match?.[1] !== MACHINE || isRunning(Number(match[2]))) continue;
    await rm(join(path, name), { force: true }).catch(() => undefined);
  }
}

/** Makes a file under a temporary name of its folder, and renames it once it is complete. */
async function replaceFile(path: string, make: (temporary: string) => Promise<void>): Promise<void> {
  const folder = dirname(path);
  // Not made from the final name, which may be as long as names can be.
  const temporary = join(folder, `.${MACHINE}-${process.pid}-${randomBytes(8).toString("hex")}.tmp`);
  await makeFolder(folder);
  await removeAbandoned(folder);
  try {
    await make(temporary);
    await rename(temporary, path);
  } catch (cause) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw toFileAccessError(path, cause);
  }
}

/**
 * Writes a file so that it is either complete or absent: into a temporary file of the same folder, flushed to
 * the disk, then renamed. Missing folders are made. An existing file is replaced. Temporary files that killed
 * processes left in the folder are removed.
 *
 * @throws FileAccessError when the disk is full or the folder cannot be written; the temporary file is removed
 */
export async function writeFileAtomic(path: string, content: Uint8Array | string): Promise<void> {
  await writeChunksAtomic(path, [content]);
}

/** {@link writeFileAtomic} of a file too large to be joined first: chunk after chunk. */
export async function writeChunksAtomic(path: string, chunks: Iterable<Uint8Array | string>): Promise<void> {
  await replaceFile(path, async (temporary) => {
    const file = await open(temporary, "wx");
    try {
      for (const chunk of chunks) await file.writeFile(chunk);
      await file.sync();
    } finally {
      await file.close();
    }
  });
}

/** Copies a file as {@link writeFileAtomic} writes one, sharing its blocks on disk where the file system can. */
export async function copyFileAtomic(from: string, to: string): Promise<void> {
  await replaceFile(to, (temporary) => copyFile(from, temporary, constants.COPYFILE_FICLONE));
}
