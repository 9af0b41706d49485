import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";

/** Packages resolve to their sources (condition "source"), so tests never run against a stale build. */
export default defineConfig({
  resolve: { conditions: ["source", "node", "import", "default"] },
  ssr: { resolve: { conditions: ["source", "node", "import", "default"] } },
  test: {
    // By default one processor is left idle.
    maxWorkers: availableParallelism(),
    include: ["packages/*/src/**/*.test.ts", "tests/**/*.test.ts"],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // Test files run side by side; libtorch's threads would only wait for each other.
    env: { OMP_NUM_THREADS: "1" },
  },
});
