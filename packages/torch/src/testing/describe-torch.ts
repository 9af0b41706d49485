/**
 * Test suites that need the libtorch addon.
 *
 * @module
 */
import { describe } from "vitest";
import { isTorchAvailable } from "../native.js";

const required = (process.env.RENOGRADE_REQUIRE ?? "").split(",").includes("libtorch");

/** A suite that is skipped, by name and with the reason, where the addon is not built and not required. */
export function describeTorch(name: string, suite: () => void): void {
  const run = isTorchAvailable() || required;
  describe.skipIf(!run)(run ? name : `${name} (skipped: the libtorch addon is not built)`, suite);
}
