/**
 * The journal of a prediction folder: one line of JSON per finished image, so that an interrupted run goes on where
 * it stopped. An entry counts only when input, model, options and output files are still the same.
 *
 * @module
 */
import { access, open, readFile, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { makeFolder, toFileAccessError } from "@renograde/slides/node";
import type { GradedPixelSize } from "../graded-image.js";

/** Folder of the journal and of what the report keeps, inside the output folder. */
export const STATE_FOLDER = ".renograde";

/** One finished image. */
export interface JournalEntry {
  readonly stem: string;
  /** Size in bytes and time of change in milliseconds of the input file. */
  readonly input: { readonly bytes: number; readonly mtimeMs: number };
  /** SHA-256 of the model's metadata, the engine and every option that changes results. */
  readonly key: string;
  /** Files written, relative to the output folder, with `/`. */
  readonly outputs: readonly string[];
  readonly pixelSize: GradedPixelSize;
  /** Nuclei by type id. */
  readonly counts: readonly number[];
}

/** An open journal. */
export interface Journal {
  /** The entry of `stem` when nothing has changed since and `needed` files are all there. */
  find(
    stem: string,
    input: JournalEntry["input"],
    key: string,
    needed: readonly string[],
  ): Promise<JournalEntry | undefined>;
  /** Appends an entry and flushes it to the disk. */
  add(entry: JournalEntry): Promise<void>;
  close(): Promise<void>;
}

/** Size and time of change of an input. @throws FileAccessError when it is missing */
export async function inputState(path: string): Promise<JournalEntry["input"]> {
  try {
    const { size, mtimeMs } = await stat(path);
    return { bytes: size, mtimeMs };
  } catch (cause) {
    throw toFileAccessError(path, cause);
  }
}

/** Lines that are no entries, such as a last one cut by a crash, are left out; later entries win. */
function parseEntries(text: string): Map<string, JournalEntry> {
  const entries = new Map<string, JournalEntry>();
  for (const line of text.split("\n")) {
    if (line === "") continue;
    try {
      const entry = JSON.parse(line) as Partial<JournalEntry>;
      if (entry.stem !== undefined && entry.input && entry.key !== undefined && entry.outputs) {
        entries.set(entry.stem, entry as JournalEntry);
      }
    } catch {
      // An incomplete line: its image is graded again.
    }
  }
  return entries;
}

/** Opens the journal of an output folder, making both. @throws FileAccessError when it cannot be written */
export async function openJournal(outDir: string): Promise<Journal> {
  const path = join(outDir, STATE_FOLDER, "journal.jsonl");
  await makeFolder(outDir);
  await makeFolder(dirname(path));
  try {
    const text = await readFile(path, "utf8").catch(() => "");
    const entries = parseEntries(text);
    const file = await open(path, "a");
    // A line cut by a crash must not swallow the next entry.
    if (text !== "" && !text.endsWith("\n")) await file.appendFile("\n");
    return {
      async find(stem, input, key, needed) {
        const entry = entries.get(stem);
        if (!entry || entry.key !== key) return undefined;
        if (entry.input.bytes !== input.bytes || entry.input.mtimeMs !== input.mtimeMs) return undefined;
        if (!needed.every((name) => entry.outputs.includes(name))) return undefined;
        const there = await Promise.all(
          needed.map((name) =>
            access(join(outDir, name)).then(
              () => true,
              () => false,
            ),
          ),
        );
        return there.every(Boolean) ? entry : undefined;
      },
      async add(entry) {
        try {
          await file.appendFile(`${JSON.stringify(entry)}\n`);
          await file.sync();
        } catch (cause) {
          throw toFileAccessError(path, cause);
        }
        entries.set(entry.stem, entry);
      },
      async close() {
        await file.close();
      },
    };
  } catch (cause) {
    throw toFileAccessError(path, cause);
  }
}
