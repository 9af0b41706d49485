/**
 * Runs the command in a fresh folder, for the tests of this folder: as the process a user starts, or, because starting a
 * process takes longer than most of what the tests ask for, by its function in this process.
 *
 * @module
 */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readdir, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { RgbImage } from "@renograde/core";
import { writePng } from "@renograde/slides/node";
import { main } from "renograde";
import { afterAll, beforeAll, describe } from "vitest";
import { diskGrid, diskImage, tinyModel } from "../../packages/grading/src/testing/tiny-model.js";

const MAIN = fileURLToPath(new URL("../../packages/cli/dist/main.js", import.meta.url));

/** How a run of the command ended. */
export interface Finished {
  /** Exit status, or the signal that ended the process. */
  readonly status: number | NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A command that runs. */
export interface Running {
  readonly child: ChildProcess;
  readonly finished: Promise<Finished>;
}

/** A folder of its own, with the command in it. */
export interface Place {
  /** Absolute path below the folder. */
  path(...parts: string[]): string;
  /** Runs `renograde ARGS` in the folder to its end, in this process; one after another. */
  run(...args: string[]): Promise<Finished>;
  /** Runs the built `renograde ARGS` in the folder to its end, in a process. */
  runBuilt(...args: string[]): Promise<Finished>;
  /** Starts the built `renograde ARGS` in the folder, in a process. */
  start(...args: string[]): Running;
  /** Names of all files below a folder that are not hidden, and with `hidden` of all, sorted. */
  files(folder: string, hidden?: boolean): Promise<string[]>;
}

/** End of the last run in this process, whose working folder each run changes. */
let last: Promise<unknown> = Promise.resolve();

async function runHere(root: string, args: readonly string[]): Promise<Finished> {
  const written = { stdout: "", stderr: "" };
  const stream = (name: keyof typeof written) => ({
    write: (text: string) => {
      written[name] += text;
    },
  });
  const before = process.cwd();
  process.chdir(root);
  try {
    const status = await main(args, { stdout: stream("stdout"), stderr: stream("stderr") });
    return { status, ...written };
  } finally {
    process.chdir(before);
  }
}

/**
 * A suite that gets a fresh folder with `tiny.onnx`, a model of coloured disks that runs in milliseconds. Skipped by
 * name where the command is not built.
 */
export function describeCommand(name: string, suite: (place: Place) => void): void {
  const built = existsSync(MAIN);
  describe.skipIf(!built)(built ? name : `${name} (skipped: run npm run build first)`, () => {
    let root = "";
    beforeAll(async () => {
      // The real path, because the command prints real paths.
      root = await realpath(await mkdtemp(join(tmpdir(), "renograde-cli-")));
      await writeFile(join(root, "tiny.onnx"), tinyModel());
    });
    afterAll(async () => await rm(root, { recursive: true }));
    const start = (...args: string[]): Running => {
      const child = spawn(process.execPath, [MAIN, ...args], {
        cwd: root,
        env: { ...process.env, OMP_NUM_THREADS: "1", NO_COLOR: "1" },
        stdio: ["ignore", "pipe", "pipe"],
      });
      const finished = new Promise<Finished>((resolve, reject) => {
        let stdout = "";
        let stderr = "";
        child.stdout.setEncoding("utf8").on("data", (text: string) => {
          stdout += text;
        });
        child.stderr.setEncoding("utf8").on("data", (text: string) => {
          stderr += text;
        });
        child.on("error", reject);
        child.on("close", (code, signal) => resolve({ status: code ?? signal, stdout, stderr }));
      });
      return { child, finished };
    };
    suite({
      path: (...parts) => join(root, ...parts),
      start,
      run: async (...args) => {
        const run = last.then(() => runHere(root, args));
        last = run.catch(() => undefined);
        return await run;
      },
      runBuilt: async (...args) => await start(...args).finished,
      async files(folder, hidden = false) {
        const base = join(root, folder);
        const found = await readdir(base, { recursive: true, withFileTypes: true });
        return found
          .filter((entry) => entry.isFile())
          .map((entry) => join(entry.parentPath, entry.name).slice(base.length + 1))
          .filter((name) => hidden || !name.startsWith("."))
          .sort();
      },
    });
  });
}

/** Disks of all four classes on white. */
export function disks(width: number, height: number): RgbImage {
  return diskImage(width, height, diskGrid(width, height)).image;
}

/** Writes disks as PNG files. */
export async function writeDisks(paths: readonly string[], width: number, height: number): Promise<void> {
  const image = disks(width, height);
  for (const path of paths) await writePng(path, image);
}
