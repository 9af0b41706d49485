/**
 * `renograde dataset`: one file per subcommand.
 *
 * @module
 */
import type { Command } from "commander";
import type { Run } from "../../program.js";
import { checkCommand } from "./check.js";
import { convertCommand } from "./convert.js";
import { galleryCommand } from "./gallery.js";
import { splitCommand } from "./split.js";
import { statsCommand } from "./stats.js";
import { synthesizeCommand } from "./synthesize.js";

/** Registers `renograde dataset` and its subcommands, in the order the help shows them. */
export function registerDataset(program: Command, run: Run): void {
  const dataset = program
    .command("dataset")
    .description("everything about data: check, stats, split, gallery, convert, synthesize")
    .helpCommand(false);
  for (const create of [
    checkCommand,
    statsCommand,
    splitCommand,
    galleryCommand,
    convertCommand,
    synthesizeCommand,
  ]) {
    dataset.addCommand(create(run).copyInheritedSettings(dataset));
  }
}
