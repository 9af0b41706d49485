/**
 * `renograde train`: a dataset in, a run folder with checkpoints out.
 *
 * @module
 */
import { existsSync } from "node:fs";
import type { Command } from "commander";
import { type Context, collect, type JsonOption, pathOf, printResult, wholeNumber } from "../context.js";
import type { Run } from "../program.js";
import { digits, trainReporter } from "../train-reporter.js";

interface TrainCommandOptions {
  readonly data: string;
  readonly run: string;
  readonly config?: string;
  readonly set: string[];
  readonly resume?: boolean;
  readonly processes?: number;
  readonly json?: JsonOption;
}

/** Starts this command once per process; they find each other by the variables `readProcessPlace` reads. */
async function launch(context: Context, processes: number, options: TrainCommandOptions): Promise<void> {
  const { launchProcesses } = await import("@renograde/training");
  const { data, run, config, set, resume, json } = options;
  const args = [
    ...["train", "--data", data, "--run", run],
    ...(config === undefined ? [] : ["--config", config]),
    ...set.flatMap((assignment) => ["--set", assignment]),
    ...(resume ? ["--resume"] : []),
    ...(json === undefined ? [] : json === true ? ["--json"] : ["--json", json]),
  ];
  const status = await launchProcesses({
    processes,
    command: process.execPath,
    args: [...process.execArgv, process.argv[1]!, ...args],
    env: process.env,
    signal: context.signal,
    onFailure: (rank, reason) => {
      if (!context.signal.aborted) context.progress.error(`rank ${rank} failed first: ${reason}`);
    },
  });
  context.exitCode = status;
}

async function trainCommand(context: Context, options: TrainCommandOptions): Promise<void> {
  const { readProcessPlace } = await import("@renograde/torch");
  const place = readProcessPlace(process.env);
  if (place === null && options.processes !== undefined && options.processes > 1) {
    await launch(context, options.processes, options);
    return;
  }
  const { readConfig, runPaths, train } = await import("@renograde/training");
  // A run goes on with its own configuration.
  const own = options.resume === true ? runPaths(options.run).config : undefined;
  const config = await readConfig(
    options.config ?? (own !== undefined && existsSync(own) ? own : undefined),
    options.set,
  );
  const leads = place === null || place.rank === 0;
  const page = config.train.page ? runPaths(options.run).page : undefined;
  const result = await train({
    config,
    dataDir: options.data,
    runDir: options.run,
    resume: options.resume === true,
    place,
    signal: context.signal,
    ...(leads ? { onProgress: trainReporter(context, page) } : {}),
  });
  if (!leads) return;
  await printResult(context, options.json, result, () =>
    [
      `${result.epochs} epochs, ${result.steps} steps in ${result.runDir}`,
      ...Object.entries(result.scores).map(([name, value]) => `  ${name} ${digits(value)}`),
      ...(result.best === null ? [] : [`best: epoch ${result.best.epoch}`]),
      ...(page === undefined ? [] : [`curves and pictures: ${page}`]),
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
    .option(
      "-c, --config <file>",
      "YAML file of options; default: those of the paper, with --resume the run's own",
    )
    .option("--set <key=value>", "one option, repeatable, for instance train.batch=4", collect, [])
    .option("--resume", "go on from the run's last checkpoint")
    .option(
      "--processes <n>",
      "processes on this machine that share every batch: one per GPU, or parts of the processors",
      wholeNumber("--processes", 1),
    )
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
