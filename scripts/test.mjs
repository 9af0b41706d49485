/**
 * `npm test`: sets everything up, checks formatting, lint and types, runs every test, and closes with the
 * counts. Arguments are handed to vitest (`npm test -- packages/core`).
 */
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import {
  addonStep,
  buildStep,
  chromiumStep,
  libtorchStep,
  npmStep,
  requireNode,
} from "./lib/setup-steps.mjs";
import { inOrder, root, run, runMain, runSteps, StepError, together } from "./lib/steps.mjs";

const report = join(root, ".cache", "vitest.json");

/** Lists the skipped tests by name and returns the counts. */
function readReport() {
  if (!existsSync(report)) throw new StepError("the test runner left no report");
  const { testResults } = JSON.parse(readFileSync(report, "utf8"));
  const tests = testResults.flatMap((file) => file.assertionResults);
  const skipped = tests.filter((t) => t.status !== "passed" && t.status !== "failed");
  const brokenFiles = testResults.filter(
    (file) => file.status === "failed" && !file.assertionResults.some((t) => t.status === "failed"),
  );
  const names = new Set(skipped.map((t) => t.fullName));
  if (names.size > 0) console.log(`\nSkipped, by name:\n${[...names].map((name) => `  ${name}`).join("\n")}`);
  return {
    passed: tests.filter((t) => t.status === "passed").length,
    failed: tests.filter((t) => t.status === "failed").length + brokenFiles.length,
    skipped: skipped.length,
  };
}

await runMain(async () => {
  requireNode();
  await runSteps([
    npmStep,
    libtorchStep,
    chromiumStep,
    together(
      inOrder(buildStep, {
        name: "checking types",
        estimateS: 8,
        run: async () => {
          await run("npx", ["tsc", "-p", "tsconfig.check.json"]);
        },
      }),
      inOrder(addonStep, {
        name: "checking format and lint",
        estimateS: 3,
        run: async () => {
          await run("npx", ["biome", "check", "--error-on-warnings", "."]);
        },
      }),
    ),
  ]);
  console.error("Running the tests (about two minutes on two cores)");
  mkdirSync(join(root, ".cache"), { recursive: true });
  const args = ["vitest", "run", "--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
  const status = await run("npx", [...args, ...process.argv.slice(2)], { show: true, allowFailure: true });
  const { passed, failed, skipped } = readReport();
  console.log(`\n${passed} passed, ${failed} failed, ${skipped} skipped`);
  process.exitCode = status === 0 && failed === 0 && passed > 0 ? 0 : 1;
});
