/**
 * Runs the built command in a fresh folder, for the tests of this folder.
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
  /** Runs `renograde ARGS` in the folder to its end. */
  run(...args: string[]): Promise<Finished>;
  /** Starts `renograde ARGS` in the folder. */
  start(...args: string[]): Running;
  /** Names of all files below a folder that are not hidden, and with `hidden` of all, sorted. */
  files(folder: string, hidden?: boolean): Promise<string[]>;
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
      run: async (...args) => await start(...args).finished,
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
