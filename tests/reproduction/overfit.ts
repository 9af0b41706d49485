/**
 * Proof that a network learns real tissue: made narrow, it is trained on a few crops of kidney (MoNuSeg) and of
 * CoNSeP with its four classes until it overfits them, and is scored through the whole path a user goes: train,
 * export to ONNX, grade, evaluate. Writes RESULTS.md (CHR-Net) or RESULTS-<network>.md beside this file.
 *
 *     npx tsx --conditions=source tests/reproduction/overfit.ts [--network NAME] [--out DIR] [--only NAME]
 *
 * Needs libtorch and the data in RENOGRADE_DATA (folders monuseg and consep). An interrupted call goes on where it
 * stopped when repeated. Exit status 1 when a target is missed.
 *
 * @module
 */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { isRenogradeError, UsageError } from "@renograde/core";
import { writeFileAtomic } from "@renograde/slides/node";
import { writeCrops } from "./crops.js";
import { configOf, gradeAndEvaluate, trainOn } from "./learn.js";
import { formatResults, isReached, type SourceResult } from "./results.js";
import { SOURCES, type Source } from "./sources.js";

const { values } = parseArgs({
  options: {
    network: { type: "string", default: "chr-net" },
    out: { type: "string", default: join("runs", "overfit") },
    only: { type: "string" },
  },
});

const controller = new AbortController();
process.once("SIGINT", () => controller.abort());
process.once("SIGTERM", () => controller.abort());

async function reproduce(source: Source, dataRoot: string): Promise<SourceResult> {
  const folder = join(values.out, source.name);
  const dataDir = join(folder, "data");
  const nuclei = await writeCrops(join(dataRoot, source.folder), source.crops, dataDir);
  const config = configOf(source.config);
  const log = await trainOn(config, dataDir, join(folder, "run"), {
    signal: controller.signal,
    onProgress(event) {
      if (event.kind !== "step" || event.step % 10 !== 0) return;
      const minutes = (event.remainingMs / 60_000).toFixed(1);
      const loss = event.losses.total.toFixed(3);
      console.error(
        `${source.name}: step ${event.step} of ${event.steps}, loss ${loss}, ${minutes} min left`,
      );
    },
  });
  const metrics = await gradeAndEvaluate(join(folder, "run"), dataDir);
  return { source, config, nuclei, log, metrics };
}

try {
  const dataRoot = process.env.RENOGRADE_DATA;
  if (dataRoot === undefined || dataRoot === "") {
    throw new UsageError("RENOGRADE_DATA is not set; it must name the folder that holds monuseg and consep");
  }
  const all = SOURCES.filter(({ network }) => network === values.network);
  if (all.length === 0) {
    const known = [...new Set(SOURCES.map(({ network }) => network))].join(", ");
    throw new UsageError(`--network: expected one of ${known}, received "${values.network}"`);
  }
  const chosen = all.filter(({ name }) => values.only === undefined || values.only === name);
  if (chosen.length === 0) {
    throw new UsageError(
      `--only: expected ${all.map((s) => s.name).join(" or ")}, received "${values.only}"`,
    );
  }
  const results: SourceResult[] = [];
  for (const source of chosen) {
    const result = await reproduce(source, dataRoot);
    results.push(result);
    const { dice, aji, pq } = result.metrics;
    console.log(`${source.name}: Dice ${dice.toFixed(4)}, AJI ${aji.toFixed(4)}, PQ ${pq.toFixed(4)}`);
  }
  if (chosen.length === all.length) {
    const page = values.network === "chr-net" ? "RESULTS.md" : `RESULTS-${values.network}.md`;
    await writeFileAtomic(join(import.meta.dirname, page), formatResults(values.network, results));
  }
  if (!results.every(isReached)) process.exitCode = 1;
} catch (error) {
  if (!isRenogradeError(error)) throw error;
  console.error(error.message);
  process.exitCode = isRenogradeError(error, "InterruptedError") ? 130 : 1;
}
