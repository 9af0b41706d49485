/** `npm run setup`: everything a developer needs, libtorch and its addon included. */
import { addonStep, buildStep, libtorchStep, npmStep, requireNode } from "./lib/setup-steps.mjs";
import { runMain, runSteps } from "./lib/steps.mjs";

await runMain(async () => {
  requireNode();
  await runSteps([npmStep, libtorchStep, buildStep, addonStep]);
});
