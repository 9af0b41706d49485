import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test, vi } from "vitest";
import { findLibtorch, isBuilt } from "../build.mjs";
import { describeTorch } from "./testing/describe-torch.js";

const buildScript = fileURLToPath(new URL("../build.mjs", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "renograde-torch-"));
afterAll(() => rmSync(folder, { recursive: true }));

describe("without the addon", () => {
  test("the package imports, and the first tensor says what to do", async () => {
    vi.resetModules();
    vi.doMock("node:fs", () => ({ existsSync: () => false }));
    const torch = await import("./index.js");
    expect(torch.isTorchAvailable()).toBe(false);
    expect(() => torch.tensor(Float32Array.of(1), [1])).toThrow(/not built; run `npm run setup`/);
    expect(() => torch.loadTorch()).toThrow(/apt-get install .*libtorch-dev/);
    vi.doUnmock("node:fs");
    vi.resetModules();
  });
  test("an addon of older sources is told by what it lacks", async () => {
    vi.resetModules();
    vi.doMock("node:fs", () => ({ existsSync: () => true }));
    vi.doMock("node:module", () => ({ createRequire: () => () => ({ op() {}, call() {} }) }));
    const torch = await import("./index.js");
    expect(() => torch.tensor(Float32Array.of(1), [1])).toThrow(
      /built from older sources \(it lacks release, keep, .*\); run `npm run setup`/,
    );
    vi.doUnmock("node:module");
    vi.doUnmock("node:fs");
    vi.resetModules();
  });
});

describe("the build script", () => {
  const build = (env: Record<string, string>, ...args: string[]) => {
    const { status, stderr, stdout } = spawnSync(process.execPath, [buildScript, ...args], {
      env: { ...process.env, ...env },
      encoding: "utf8",
    });
    return { status, output: stderr + stdout };
  };

  test("a wrong RENOGRADE_LIBTORCH is one sentence", () => {
    const { status, output } = build({ RENOGRADE_LIBTORCH: folder });
    expect(status).toBe(1);
    expect(output).toMatch(
      /^error: RENOGRADE_LIBTORCH=.* holds no libtorch; name a folder with include\/torch/,
    );
    expect(output.trim().split("\n")).toHaveLength(1);
  });

  describeTorch("with libtorch", () => {
    test("findLibtorch says where it is", () => {
      expect(findLibtorch()).toMatchObject({ version: expect.stringMatching(/^\d+\.\d+\.\d+$/) });
    });

    test.skipIf(!isBuilt())(
      "a second call compiles nothing (skipped when sources or libtorch changed)",
      () => {
        expect(build({}).output).toMatch(/^up to date: /);
      },
    );

    test("a compiler that fails is quoted", () => {
      const compiler = join(folder, "broken-c++");
      writeFileSync(compiler, "#!/bin/sh\necho 'addon.cpp:1: error: this compiler is broken' >&2\nexit 1\n", {
        mode: 0o755,
      });
      const { status, output } = build({ CXX: compiler }, "--force");
      expect(status).toBe(1);
      expect(output).toMatch(
        /could not compile the addon against libtorch .*:\n {2}addon.cpp:1: error: this/,
      );
    });

    test("a missing compiler is one sentence", () => {
      const { status, output } = build({ CXX: join(folder, "none") }, "--force");
      expect(status).toBe(1);
      expect(output).toBe(
        "error: no C++ compiler was found; install one (apt-get install -y g++) or set CXX\n",
      );
    });
  });
});
