/**
 * The release tarball as a user gets it: what is in it, and that the command inside grades. Packages of the
 * registry come from this clone's node_modules, so nothing is downloaded.
 *
 * @module
 */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { writeTinyModel } from "../support/tiny-model.js";

const exec = promisify(execFile);
const root = fileURLToPath(new URL("../../", import.meta.url));
const built = existsSync(join(root, "packages/cli/dist/main.js"));

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly exports: Readonly<Record<string, string | Readonly<Record<string, string>>>>;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly bundleDependencies?: readonly string[];
}

const readManifest = async (path: string): Promise<Manifest> => JSON.parse(await readFile(path, "utf8"));

/** Files the entry points of a package name, but for the condition "source", which only this clone uses. */
const entryFiles = (manifest: Manifest): string[] =>
  Object.values(manifest.exports).flatMap((entry) =>
    typeof entry === "string"
      ? [entry.slice(2)]
      : Object.entries(entry).flatMap(([condition, file]) => (condition === "source" ? [] : [file.slice(2)])),
  );

const workspaces = async (): Promise<string[]> => {
  const { workspaces: folders } = JSON.parse(await readFile(join(root, "package.json"), "utf8"));
  return folders;
};

describe.skipIf(!built)("release tarball (packages built)", () => {
  let folder = "";
  let files: string[] = [];
  const inside = (...parts: string[]): string => join(folder, "package", ...parts);
  const renograde = (...args: string[]): Promise<{ stdout: string; stderr: string }> =>
    exec(process.execPath, [inside("dist", "main.js"), ...args], { cwd: folder });

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "renograde-release-test-"));
    const models = join(folder, "models");
    await mkdir(models);
    await writeTinyModel(join(models, "chr-net-synthetic.onnx"));
    await writeFile(join(models, "chr-net-synthetic.md"), "# Model card\n");
    const script = join(root, "scripts", "pack-release.mjs");
    await exec(process.execPath, [script, "--no-build", "--models", models, "--out", folder]);
    const [tarball] = (await readdir(folder)).filter((name) => name.endsWith(".tgz"));
    const { stdout } = await exec("tar", ["-xzvf", join(folder, tarball!), "-C", folder]);
    files = stdout
      .split("\n")
      .map((line) => line.replace(/^(x )?package\//, ""))
      .filter((line) => line !== "");
    await symlink(join(root, "node_modules"), join(folder, "node_modules"));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it("holds the command, every package, the models with their cards, and the licence", async () => {
    for (const name of ["dist/main.js", "README.md", "LICENSE", "NOTICE", "package.json"])
      expect(files).toContain(name);
    expect(files).toContain("models/chr-net-synthetic.onnx");
    expect(files).toContain("models/chr-net-synthetic.md");
    const manifest = await readManifest(inside("package.json"));
    const bundled = [];
    for (const path of await workspaces()) {
      const { name } = await readManifest(join(root, path, "package.json"));
      if (name === "renograde") continue;
      bundled.push(name);
      const packed = await readManifest(inside("node_modules", name, "package.json"));
      expect(JSON.stringify(packed.exports)).not.toContain("/src/");
      for (const file of [...entryFiles(packed), "LICENSE", "README.md"])
        expect(files).toContain(`node_modules/${name}/${file}`);
      for (const [dependency, version] of Object.entries(packed.dependencies))
        expect(manifest.dependencies[dependency], `${name} needs ${dependency}`).toBe(version);
    }
    expect(manifest.bundleDependencies).toEqual(bundled);
    expect(files).toContain("node_modules/@renograde/torch/native/addon.cpp");
  });

  it("holds no tests, sources, maps, compiled addon or leftovers of removed sources", () => {
    const unwanted = files.filter(
      (file) =>
        /\.test\.|\.map$|\.tsbuildinfo$|\.node$|\/src\//.test(file) ||
        (file.endsWith(".ts") && !/\.d\.m?ts$/.test(file)),
    );
    expect(unwanted).toEqual([]);
    const compiled = files.filter((file) => /(^|@renograde\/\w+\/)dist\/.*\.js$/.test(file));
    expect(compiled.length).toBeGreaterThan(100);
    for (const file of compiled) {
      const [, name = "cli", path] = /^(?:node_modules\/@renograde\/(\w+)\/)?dist\/(.*)\.js$/.exec(file)!;
      expect(existsSync(join(root, "packages", name, "src", `${path}.ts`)), file).toBe(true);
    }
  });

  it("grades with the model inside it, from any folder", async () => {
    const image = join(root, "fixtures", "plain-images", "rgb.png");
    const { stdout, stderr } = await renograde("grade", image, "--out", "results", "--threads", "1");
    expect(stderr).toContain("random-weights");
    expect(stdout).toContain("Research use only");
    const written = await readdir(join(folder, "results"));
    for (const name of ["rgb.json", "rgb.geojson", "rgb.csv", "rgb.mat", "rgb.overlay.png", "report.html"])
      expect(written).toContain(name);
  });

  it("says of training what it needs and where its build script is", async () => {
    const { stdout } = await renograde("doctor", "--json");
    const { findings } = JSON.parse(stdout) as { findings: { part: string; ok: boolean; state: string }[] };
    const libtorch = findings.find(({ part }) => part.startsWith("libtorch"))!;
    expect(libtorch.ok).toBe(false);
    expect(libtorch.state).toContain("which is not built");
    expect(libtorch.state).toContain(join("package", "node_modules", "@renograde", "torch", "build.mjs"));
    // Without the addon there are no process groups either.
    expect(findings.filter(({ part, ok }) => !ok && !/^(libtorch|c10d)/.test(part))).toEqual([]);
  });
});

describe.skipIf(!built)("npm pack of every workspace (packages built)", () => {
  it("ships dist without tests, README and LICENSE, and every entry point", async () => {
    const args = ["pack", "--workspaces", "--dry-run", "--json", "--ignore-scripts", "--silent"];
    const { stdout } = await exec("npm", args, { cwd: root, maxBuffer: 1 << 26 });
    const packed: unknown = JSON.parse(stdout);
    const tarballs = Object.values(packed as object) as { name: string; files: { path: string }[] }[];
    const licence = await readFile(join(root, "LICENSE"), "utf8");
    const folders = await workspaces();
    expect(tarballs).toHaveLength(folders.length);
    for (const path of folders) {
      const manifest = await readManifest(join(root, path, "package.json"));
      const listed = tarballs
        .find(({ name }) => name === manifest.name)
        ?.files.map((file) => file.path)
        .filter((file) => !file.endsWith(".map"));
      for (const file of [...entryFiles(manifest), "LICENSE", "README.md"]) expect(listed).toContain(file);
      expect(listed?.filter((file) => /\.test\.|^src\//.test(file))).toEqual([]);
      expect(await readFile(join(root, path, "LICENSE"), "utf8")).toBe(licence);
    }
  });
});
