/**
 * `renograde model summary`: what a network or a model file consists of.
 *
 * @module
 */
import { isRenogradeError, UsageError } from "@renograde/core";
import type { NetOptions } from "@renograde/nn";
import type { Command } from "commander";
import { type Context, collect, type JsonOption, parseAssignments, printResult } from "../context.js";
import { readModelFile, shippedModelPath } from "../models.js";
import type { Run } from "../program.js";
import { wrap } from "../progress.js";
import { formatTable, integer } from "../tables.js";

interface SummaryOptions {
  readonly set: string[];
  readonly json?: JsonOption;
}

async function summarizeFile(context: Context, path: string, { set, json }: SummaryOptions): Promise<void> {
  if (set.length > 0) {
    throw new UsageError(`--set ${set[0]}: the options of ${path} are fixed; leave --set out`);
  }
  const { tuningText } = await import("@renograde/formats");
  const { metadata, bytes } = await readModelFile(path);
  await printResult(context, json, { path, bytes, metadata }, () => {
    const { training, post, tuning } = metadata;
    return formatTable(
      [
        ["file", `${path}, ${(bytes / 1e6).toFixed(1)} MB`],
        [
          "network",
          `${metadata.network}, preset ${metadata.preset}, width ${metadata.width}, ${metadata.precision}`,
        ],
        ["classes", metadata.classes.classes.map((c) => c.name).join(", ")],
        ["tasks", metadata.classes.tasks.map((t) => t.name).join("; ")],
        [
          "window",
          `${metadata.window} px in, ${metadata.output} out, ${metadata.kept} kept, at ${metadata.mpp} µm/px`,
        ],
        [
          "post-processing",
          Object.entries(post)
            .map(([k, v]) => `${k} ${v}`)
            .join(", "),
        ],
        ...(tuning === undefined ? [] : [["tuned", tuningText(tuning)]]),
        ...(metadata.stainNorm === undefined
          ? []
          : [
              [
                "stains",
                `normalised (${metadata.stainNorm.method}, to ${metadata.stainNorm.target ?? "its published reference"})`,
              ],
            ]),
        ["training data", `${training.synthetic ? "SYNTHETIC. " : ""}${training.data}`],
        ["training", `${training.epochs} epochs, ${integer(training.steps)} steps, seed ${training.seed}`],
        [
          "measured",
          Object.keys(training.scores).length === 0
            ? "nothing"
            : `${Object.entries(training.scores)
                .map(([k, v]) => `${k} ${v.toFixed(4)}`)
                .join(", ")} (${training.scoresOn})`,
        ],
        ["licence", metadata.licence],
        ["intended use", metadata.intendedUse],
        ["parameters", `SHA-256 ${metadata.parameterHash}`],
      ].map(([name, value]) => [wrap(`${name!.padEnd(16)}${value}`, context.columns, 16)]),
    );
  });
}

async function summarizeNetwork(context: Context, name: string, options: SummaryOptions): Promise<void> {
  const { createNetwork, resolveNetOptions, summarize } = await import("@renograde/nn");
  const settings: Record<string, unknown> = {};
  const values = parseAssignments(options.set);
  const wrong = Object.keys(values).filter((key) => !key.startsWith("net."));
  if (wrong.length > 0) {
    throw new UsageError(
      wrong.map((key) => `--set ${key}: only net.* options count here, such as net.width=0.25`).join("\n"),
    );
  }
  const mistakes: string[] = [];
  for (const [key, value] of Object.entries(values)) {
    settings[key.slice(4)] = value;
    try {
      resolveNetOptions({ [key.slice(4)]: value } as NetOptions);
    } catch (error) {
      if (!isRenogradeError(error)) throw error;
      mistakes.push(`--set ${error.message}`);
    }
  }
  if (mistakes.length > 0) throw new UsageError(mistakes.join("\n"));
  const network = createNetwork(name, settings as NetOptions);
  const summary = summarize(network);
  await printResult(context, options.json, { network: name, options: network.options, ...summary }, () => {
    const giga = (macs: number): string => (macs / 1e9).toFixed(3);
    const row = (part: (typeof summary.parts)[number]): string[] => [
      part.name,
      integer(part.parameters),
      integer(part.tensors),
      giga(part.macs.none),
      giga(part.macs.reorder),
      giga(part.macs.full),
    ];
    return [
      `${name}, width ${network.options.width}: input ${summary.inputSide} x ${summary.inputSide}, output ${summary.outputSide} x ${summary.outputSide}`,
      "",
      formatTable([
        ["part", "parameters", "tensors", "GMAC as the code", "GMAC reordered", "GMAC all rewrites"],
        ...summary.parts.map(row),
        row(summary.total),
      ]),
    ].join("\n");
  });
}

/** Registers `renograde model`. */
export function registerModel(program: Command, run: Run): void {
  program
    .command("model")
    .description("about networks and model files")
    .helpCommand(false)
    .command("summary")
    .description("parameters, tensors and multiply-adds of a network, or what a model says of itself")
    .argument(
      "<name>",
      "a network, such as chr-net or hover-net, an ONNX file, or a shipped model, such as he-nuclei",
    )
    .option("--set <key=value>", "net.* options, repeatable, for instance net.width=0.25", collect, [])
    .option("--json [file]", "print one JSON document, or write it to a file")
    .addHelpText("after", "\nExample: renograde model summary chr-net")
    .action(async (name: string, options: SummaryOptions) => {
      await run(async (context) => {
        const file = name.endsWith(".onnx") ? name : await shippedModelPath(name);
        await (file === undefined
          ? summarizeNetwork(context, name, options)
          : summarizeFile(context, file, options));
      });
    });
}
