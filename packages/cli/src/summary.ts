/**
 * How `grade` and `postprocess` end: the table or the document, then what failed.
 *
 * @module
 */
import type { ClassScheme } from "@renograde/core";
import type { GradeSummary } from "@renograde/grading/node";
import { type Context, type JsonOption, printResult } from "./context.js";
import { gradeTable } from "./tables.js";

/** Prints the summary of a run; the command ends with status 1 when inputs failed. */
export async function printSummary(
  context: Context,
  summary: GradeSummary,
  scheme: ClassScheme,
  options: { readonly out: string; readonly json?: JsonOption },
): Promise<void> {
  await printResult(context, options.json, { outDir: options.out, ...summary }, () =>
    gradeTable(summary, scheme, options.out),
  );
  for (const failure of summary.failures) context.progress.error(failure.message);
  if (summary.failures.length > 0) context.exitCode = 1;
}
