/**
 * Builds the packages before the tests where they changed: worker threads and processes that tests start run the built
 * files.
 *
 * @module
 */
import { buildStep } from "../../scripts/lib/setup-steps.mjs";

export default async function build(): Promise<void> {
  if (buildStep.done() === false) await buildStep.run();
}
