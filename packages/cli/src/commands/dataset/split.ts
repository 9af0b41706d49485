/**
 * `renograde dataset split`: which image is in which set.
 *
 * @module
 */
import { Command } from "commander";
import { type Context, printResult } from "../../context.js";
import type { Run } from "../../program.js";
import { openWithSets, SET_NAMES, type SetOptions, withSets } from "./open.js";

async function showSplit(context: Context, folder: string, options: SetOptions): Promise<void> {
  const { dataset, split } = await openWithSets(folder, options);
  const names = (set: (typeof SET_NAMES)[number]): string[] =>
    split[set].map((index) => dataset.entries[index]!.name);
  const document = {
    folder,
    origin: split.origin,
    comparableWithTable1: split.origin === "folders",
    train: names("train"),
    valid: names("valid"),
    test: names("test"),
  };
  await printResult(context, options.json, document, () =>
    [
      `${folder}: ${split.origin}${document.comparableWithTable1 ? "" : " (not comparable with the paper's Table 1)"}`,
      ...SET_NAMES.flatMap((set) => [
        `${set}: ${document[set].length} images`,
        ...document[set].map((name) => `  ${name}`),
      ]),
    ].join("\n"),
  );
}

/** The command `split`. */
export function splitCommand(run: Run): Command {
  return withSets(new Command("split"))
    .description("say which image is in which set")
    .addHelpText("after", "\nExample: renograde dataset split RCCNucSeg --by patient --json split.json")
    .action(async (folder: string, options: SetOptions) => {
      await run((context) => showSplit(context, folder, options));
    });
}
