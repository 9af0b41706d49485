import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** Test files that take longest. They start first, so that none of them runs alone at the end. */
const LONG = [
  "packages/training/src/loop/train",
  "tests/distributed/train",
  "tests/export/agreement",
  "tests/reproduction/direction",
  "tests/cli/interrupt",
  "tests/cli/reproduce",
  "tests/cli/train",
  "tests/gradients/layers",
  "packages/training/src/run-page/run-page",
  "packages/grading/src/node/onnx-lanes",
  "packages/grading/src/node/tune-model",
  "tests/cli/data",
  "tests/examples",
  "tests/reproduction/mask-rcnn",
  "tests/export/baselines",
  "tests/export/mask-rcnn",
  "tests/doc-examples",
];

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification): number => {
      const at = LONG.findIndex((name) => moduleId.endsWith(`${name}.test.ts`));
      return at < 0 ? LONG.length : at;
    };
    return (await super.sort(files)).sort((a, b) => place(a) - place(b));
  }
}

/** Packages resolve to their sources (condition "source"), so tests never run against a stale build. */
export default defineConfig({
  resolve: { conditions: ["source", "node", "import", "default"] },
  ssr: { resolve: { conditions: ["source", "node", "import", "default"] } },
  test: {
    // By default one processor is left idle.
    maxWorkers: availableParallelism(),
    // The files of a worker share its process and modules; loading them anew for each file takes a minute in all.
    isolate: false,
    sequence: { sequencer: LongestFirst },
    include: ["packages/*/src/**/*.test.ts", "tests/**/*.test.ts"],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // Test files run side by side; libtorch's threads would only wait for each other.
    globalSetup: "tests/support/build.ts",
    setupFiles: "tests/support/equal-arrays.ts",
    execArgv: ["--max-semi-space-size=128"],
    env: { OMP_NUM_THREADS: "1" },
  },
});
