/**
 * `renograde train`: a dataset in, a run folder with checkpoints out.
 *
 * @module
 */
import type { TrainEvent } from "@renograde/training";
import type { Command } from "commander";
import { type Context, collect, type JsonOption, pathOf, printResult } from "../context.js";
import type { Run } from "../program.js";
import { formatDuration, type Stage } from "../progress.js";

interface TrainCommandOptions {
  readonly data: string;
  readonly run: string;
  readonly config?: string;
  readonly set: string[];
  readonly resume?: boolean;
  readonly json?: JsonOption;
}

const digits = (value: number): string => value.toFixed(4);

/** Turns the run's events into a progress line per stage and one line per epoch. */
function reporter(context: Context): (event: TrainEvent) => void {
  let stage: Stage | undefined;
  let stageName = "";
  const open = (name: string, unit: string): Stage => {
    if (stage === undefined || stageName !== name) {
      stage = context.progress.stage(name, unit);
      stageName = name;
    }
    return stage;
  };
  return (event) => {
    switch (event.kind) {
      case "data":
        open("reading", "images").update(event.done, event.total);
        break;
      case "start":
        context.progress.info(
          `${event.resumed ? `resuming at step ${event.step}` : "training"}: ${event.epochs} epochs, ${event.steps} steps, ${event.trainPatches} training and ${event.validPatches} validation patches, ${event.parameters.toLocaleString("en-US")} parameters`,
        );
        break;
      case "step": {
        const terms = Object.entries(event.losses.terms).map(
          ([name, value]) => `${name} ${value.toFixed(3)}`,
        );
        open("training", "steps").update(
          event.step,
          event.steps,
          `epoch ${event.epoch}/${event.epochs}  loss ${event.losses.total.toFixed(3)} (${terms.join(", ")})  ${formatDuration(event.remainingMs / 1000)} left in all`,
        );
        break;
      }
      case "validation":
        open(`validating epoch ${event.epoch}`, "patches").update(event.done, event.total);
        break;
      case "epoch": {
        stage = undefined;
        const scores = Object.entries(event.scores ?? {}).flatMap(([name, value]) =>
          typeof value === "number" ? [`${name} ${digits(value)}`] : [],
        );
        context.progress.info(
          `epoch ${event.epoch}/${event.epochs}  loss ${digits(event.losses.total)}${scores.length > 0 ? `  ${scores.join("  ")}` : ""}${event.isBest ? "  best so far" : ""}`,
        );
        break;
      }
      case "warning":
        context.progress.warn(event.message);
        break;
      case "checkpoint":
        break;
    }
  };
}

async function trainCommand(context: Context, options: TrainCommandOptions): Promise<void> {
  const { readConfig, train } = await import("@renograde/training");
  const config = await readConfig(options.config, options.set);
  const result = await train({
    config,
    dataDir: options.data,
    runDir: options.run,
    resume: options.resume === true,
    signal: context.signal,
    onProgress: reporter(context),
  });
  await printResult(context, options.json, result, () =>
    [
      `${result.epochs} epochs, ${result.steps} steps in ${result.runDir}`,
      ...Object.entries(result.scores).map(([name, value]) => `  ${name} ${digits(value)}`),
      ...(result.best === null ? [] : [`best: epoch ${result.best.epoch}`]),
      `next: renograde export ${result.runDir} --out model.onnx`,
    ].join("\n"),
  );
}

/** Registers `renograde train`. */
export function registerTrain(program: Command, run: Run): void {
  program
    .command("train")
    .description("train a network on a dataset (needs libtorch; see renograde doctor)")
    .option(
      "--data <dir>",
      "dataset folder: RCCNucSeg, or images/ with labels/ and classes/",
      pathOf("--data"),
    )
    .option("--run <dir>", "folder of the run: configuration, log, checkpoints", pathOf("--run"))
    .option("-c, --config <file>", "YAML file of options; default: those of the paper")
    .option("--set <key=value>", "one option, repeatable, for instance train.batch=4", collect, [])
    .option("--resume", "go on from the run's last checkpoint")
    .option("--options", "list every option with its default and leave")
    .option("--json [file]", "print the result as one JSON document, or write it to a file")
    .addHelpText(
      "after",
      "\nExample: renograde train --data RCCNucSeg --run runs/first --set net.width=0.25 --set train.batch=4",
    )
    .action(async (options: Partial<TrainCommandOptions> & { options?: boolean; set: string[] }) => {
      await run(async (context) => {
        if (options.options) {
          const { configTable } = await import("@renograde/training");
          context.print(configTable());
          return;
        }
        const { UsageError } = await import("@renograde/core");
        const { data, run: runDir } = options;
        if (data === undefined || runDir === undefined) {
          throw new UsageError("train needs --data DIR and --run DIR; see renograde train --help");
        }
        await trainCommand(context, { ...options, data, run: runDir });
      });
    });
}
