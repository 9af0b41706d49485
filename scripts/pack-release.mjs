/**
 * `npm run pack:release [-- --out DIR] [--models DIR] [--no-build]`: the release as one tarball. With only Node and
 * npm on a machine,
 *
 *   npx --ignore-scripts --yes --package ./renograde-<version>.tgz renograde grade image.png --out results
 *
 * grades with it.
 */
import { statSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { parseArgs } from "node:util";
import { packRelease } from "./lib/release.mjs";
import { buildStep, npmStep, requireNode } from "./lib/setup-steps.mjs";
import { root, runMain, runSteps } from "./lib/steps.mjs";

await runMain(async () => {
  requireNode();
  const { values } = parseArgs({
    options: {
      out: { type: "string", default: join(root, "out") },
      models: { type: "string", default: join(root, "models") },
      "no-build": { type: "boolean", default: false },
    },
  });
  let tarball = "";
  await runSteps([
    ...(values["no-build"] ? [] : [npmStep, buildStep]),
    {
      name: "Packing the release",
      estimateS: 4,
      run: async () => {
        tarball = await packRelease({ out: resolve(values.out), models: resolve(values.models) });
      },
    },
  ]);
  const near = relative(process.cwd(), tarball);
  const path = near.startsWith("..") ? tarball : `./${near}`;
  console.log(`${path}, ${(statSync(tarball).size / 1e6).toFixed(1)} MB

Try it:  npx --ignore-scripts --yes --package ${path} renograde doctor`);
});
