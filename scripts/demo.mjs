/**
 * `npm run demo`: from a fresh clone to a graded image with a report. Installs and builds what is needed, makes
 * a synthetic renal section with known truth, grades it with the shipped model, prints the metrics and says
 * where everything lies. npm packages only; no compiler, no libtorch.
 */
import { existsSync, mkdirSync } from "node:fs";
import { join, relative } from "node:path";
import { buildStep, npmStep, requireNode } from "./lib/setup-steps.mjs";
import { root, run, runMain, runSteps } from "./lib/steps.mjs";

const out = join(root, "demo-output");
const section = join(out, "section");
const results = join(out, "results");
const cli = join(root, "packages", "cli", "dist", "main.js");
const renograde = (...args) => run(process.execPath, [cli, ...args], { show: true });

await runMain(async () => {
  requireNode();
  mkdirSync(out, { recursive: true });
  const seed = "2047";
  const image = join(section, "images", "synthetic-section.png");
  await runSteps([
    npmStep,
    buildStep,
    {
      name: "Drawing a synthetic renal section of 1024 x 1024 px with known truth",
      estimateS: 5,
      done: () => (existsSync(image) ? "already drawn" : false),
      run: () =>
        renograde(
          "dataset",
          "synthesize",
          "--section",
          "1024",
          "--seed",
          seed,
          "--name",
          "synthetic-section",
          "--out",
          section,
        ),
    },
    {
      name: "Grading it with the shipped demo model",
      estimateS: 25,
      run: () =>
        renograde(
          "grade",
          image,
          "--model",
          "chr-net-synthetic",
          "--mpp",
          "0.25",
          "--out",
          results,
          "--formats",
          "json,geojson,csv,mat,overlay,report",
        ),
    },
    {
      name: "Measuring the result against the truth",
      estimateS: 2,
      run: () =>
        renograde("evaluate", "--truth", section, "--pred", results, "--csv", join(out, "metrics.csv")),
    },
  ]);
  const at = (path) => relative(process.cwd(), path) || ".";
  console.log(`
The section and the demo model are synthetic: these figures say nothing about real tissue. Research use only.

  report    ${at(join(results, "report.html"))}   (open it in a browser)
  overlay   ${at(join(results, "synthetic-section.overlay.png"))}
  nuclei    ${at(results)}/synthetic-section.{json,geojson,csv,mat}
  truth     ${at(section)}

Next: npx renograde grade YOUR_IMAGE.png --out results`);
});
