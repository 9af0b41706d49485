/**
 * Builds the command: every subcommand registers itself from its own file.
 *
 * @module
 */
import { Command, CommanderError, Help } from "commander";
import { registerCompare } from "./commands/compare.js";
import { registerDataset } from "./commands/dataset/index.js";
import { registerDoctor } from "./commands/doctor.js";
import { registerEvaluate } from "./commands/evaluate.js";
import { registerExport } from "./commands/export.js";
import { registerGrade } from "./commands/grade.js";
import { registerModel } from "./commands/model.js";
import { registerPostprocess } from "./commands/postprocess.js";
import { registerReproduce } from "./commands/reproduce.js";
import { registerTrain } from "./commands/train.js";
import { registerTune } from "./commands/tune.js";
import { type Context, reportError, runWithContext, type Streams } from "./context.js";
import { createProgress } from "./progress.js";
import { version } from "./version.js";

/** Registers an action: `body` gets the context, commander's arguments and the options. */
export type Run = (body: (context: Context) => Promise<void>) => Promise<void>;

/**
 * Parses and runs one command line.
 *
 * @param args - arguments after the command's name
 * @param streams - where results and messages go
 * @returns exit status: 0 done, 1 failed, 2 wrong usage, 130 interrupted
 */
export async function main(args: readonly string[], streams: Streams = process): Promise<number> {
  const { stdout, stderr } = streams;
  let status = 0;
  const program = new Command("renograde");
  const run: Run = async (body) => {
    status = await runWithContext(body, streams, () => program.opts().verbose === true);
  };
  program
    .description(
      "Segments and grades every nucleus in H&E images of renal cell carcinoma. Research use only.",
    )
    .version(version(), "-V, --version", "print the version")
    .option("--verbose", "show the stack of an error")
    .helpCommand(false)
    .configureOutput({
      writeOut: (text) => stdout.write(text),
      writeErr: (text) => stderr.write(text),
      getOutHelpWidth: () => (stdout.isTTY ? stdout.columns : undefined) ?? 80,
      getErrHelpWidth: () => (stderr.isTTY ? stderr.columns : undefined) ?? 80,
    })
    .configureHelp({
      // The start of a repeatable option says nothing to people.
      optionDescription: (option) =>
        Help.prototype.optionDescription(option).replace(/ \(default: \[\]\)$/, ""),
    })
    .showSuggestionAfterError()
    .exitOverride()
    .addHelpText(
      "after",
      "\nStart with: renograde grade image.png --out results\nWhat is installed: renograde doctor",
    );
  for (const register of [
    registerGrade,
    registerPostprocess,
    registerEvaluate,
    registerCompare,
    registerDataset,
    registerTrain,
    registerExport,
    registerTune,
    registerModel,
    registerReproduce,
    registerDoctor,
  ]) {
    register(program, run);
  }
  try {
    await program.parseAsync(args, { from: "user" });
    return status;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    return reportError(error, program.opts().verbose === true, createProgress(stderr));
  }
}
