/**
 * `renograde doctor`: what is installed, what is missing, what to do.
 *
 * @module
 */
import { access, constants, mkdtemp, rm } from "node:fs/promises";
import { availableParallelism, cpus, tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import type { Command } from "commander";
import { type Context, type JsonOption, printResult } from "../context.js";
import { shippedModels } from "../models.js";
import type { Run } from "../program.js";
import { version } from "../version.js";

/** One line of the examination. */
interface Finding {
  readonly part: string;
  readonly ok: boolean;
  /** Needed by everything, or only by some features. */
  readonly needed: boolean;
  readonly state: string;
  /** What to do when not ok. */
  readonly remedy?: string;
}

const sentence = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).split("\n")[0] ?? "";

async function examine(
  part: string,
  needed: boolean,
  remedy: string,
  check: () => Promise<string>,
): Promise<Finding> {
  try {
    return { part, needed, ok: true, state: await check() };
  } catch (error) {
    return { part, needed, ok: false, state: sentence(error), remedy };
  }
}

/** Examines everything Renograde can use on this machine. */
async function examineMachine(): Promise<Finding[]> {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  return Promise.all([
    examine("Node", true, "install Node 20.19 or newer", async () => {
      if (major < 20 || (major === 20 && minor < 19)) throw new Error(`${process.version} is too old`);
      return process.version;
    }),
    examine("Images (sharp)", true, "npm install in the clone, or reinstall the package", async () => {
      const { readImage, writePng } = await import("@renograde/slides/node");
      const folder = await mkdtemp(join(tmpdir(), "renograde-"));
      try {
        const path = join(folder, "probe.png");
        await writePng(path, { width: 2, height: 2, data: new Uint8Array(12).fill(200) });
        const { image } = await readImage(path);
        return `PNG, JPEG and TIFF; a probe of ${image.width} x ${image.height} px came back`;
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    }),
    examine("ONNX Runtime", true, "npm install in the clone, or reinstall the package", async () => {
      const { onnxRuntimeVersion } = await import("@renograde/grading/node");
      return `${await onnxRuntimeVersion()}, CPU, ${availableParallelism()} threads`;
    }),
    examine("Shipped models", true, "pass --model FILE, or reinstall the package", async () => {
      const models = await shippedModels();
      if (models.length === 0) throw new Error("none found");
      return models.map((model) => model.name).join(", ");
    }),
    examine(
      "libtorch (training only)",
      false,
      "apt-get install g++ libtorch-dev libopenblas0-pthread, or set RENOGRADE_LIBTORCH, then npm run setup in the clone",
      async () => {
        const { loadTorch } = await import("@renograde/torch");
        return loadTorch().version;
      },
    ),
    examine(
      "c10d (training in several processes only)",
      false,
      "use a libtorch with c10d and Gloo, such as Debian's libtorch-dev or a PyTorch wheel, then npm run setup in the clone",
      async () => {
        const { c10dBackends } = await import("@renograde/torch");
        const backends = c10dBackends();
        if (backends.length === 0) throw new Error("the libtorch addon was built without it");
        return backends.join(", ");
      },
    ),
    examine("Temporary folder", true, "set TMPDIR to a folder that can be written", async () => {
      await access(tmpdir(), constants.W_OK);
      return tmpdir();
    }),
  ]);
}

/** Registers `renograde doctor`. */
export function registerDoctor(program: Command, run: Run): void {
  program
    .command("doctor")
    .description("say what is installed, what is missing and what to do")
    .option("--json [FILE]", "print one JSON document, or write it to FILE")
    .addHelpText("after", "\nExample: renograde doctor")
    .action(async (options: { json?: JsonOption }) => {
      await run(async (context: Context) => {
        const findings = await examineMachine();
        const machine = `${cpus()[0]?.model ?? "unknown processor"}, ${availableParallelism()} threads, ${Math.round(totalmem() / 2 ** 30)} GiB`;
        await printResult(context, options.json, { version: version(), machine, findings }, () =>
          [
            `renograde ${version()} on ${machine}`,
            ...findings.flatMap((f) => [
              `${f.ok ? "ok     " : f.needed ? "MISSING" : "absent "}  ${f.part}: ${f.state}`,
              ...(f.remedy === undefined ? [] : [`         to do: ${f.remedy}`]),
            ]),
          ].join("\n"),
        );
        if (findings.some((f) => f.needed && !f.ok)) context.exitCode = 1;
      });
    });
}
