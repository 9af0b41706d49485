/**
 * Makes the one tarball that a release consists of: the command, every package of the workspace inside it, the
 * shipped models, the licence. Packages of the registry (sharp, onnxruntime-node, …) are its dependencies and are
 * fetched by npm when it is installed.
 */
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { root, run, StepError } from "./steps.mjs";

const readJson = (path) => JSON.parse(readFileSync(path, "utf8"));
const writeJson = (path, value) => writeFileSync(path, `${JSON.stringify(value, null, 2)}\n`);

/** Relative paths of all files below a folder, sorted; nothing for a folder that is not there. */
function filesBelow(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath ?? entry.path, entry.name)))
    .sort();
}

/** Compiled files of a package whose source still exists: dist/ of a used clone may hold older ones. */
function compiledFiles(folder) {
  return filesBelow(join(folder, "dist"))
    .filter((file) => /\.(js|d\.ts)$/.test(file) && !/\.test\./.test(file))
    .filter((file) => existsSync(join(folder, "src", file.replace(/(\.d\.ts|\.js)$/, ".ts"))))
    .map((file) => join("dist", file));
}

/** The entry points of a package without the condition "source": sources are not shipped. */
function withoutSources(entry) {
  if (typeof entry !== "object" || entry === null) return entry;
  return Object.fromEntries(
    Object.entries(entry)
      .filter(([condition]) => condition !== "source")
      .map(([condition, value]) => [condition, withoutSources(value)]),
  );
}

/** Copies what a package ships. */
function stagePackage(folder, manifest, target) {
  const compiled = compiledFiles(folder);
  if (!compiled.includes(join("dist", "index.js")))
    throw new StepError(`${manifest.name}: dist/index.js is missing; run npm run build`);
  const others = manifest.files
    .filter((name) => name !== "dist" && !name.startsWith("!"))
    .flatMap((name) =>
      name.includes(".") ? [name] : filesBelow(join(folder, name)).map((file) => join(name, file)),
    );
  for (const file of [...compiled, ...others, "LICENSE"]) {
    mkdirSync(dirname(join(target, file)), { recursive: true });
    cpSync(join(folder, file), join(target, file));
  }
}

/** Dependencies on registry packages of all manifests; two versions of one package are an error. */
function registryDependencies(manifests) {
  const result = {};
  for (const { name, dependencies = {} } of manifests) {
    for (const [dependency, version] of Object.entries(dependencies)) {
      if (dependency.startsWith("@renograde/")) continue;
      if ((result[dependency] ?? version) !== version)
        throw new StepError(
          `${name}: ${dependency} ${version}, but another package wants ${result[dependency]}`,
        );
      result[dependency] = version;
    }
  }
  return Object.fromEntries(Object.entries(result).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/**
 * Packs `renograde-<version>.tgz` from the built packages.
 *
 * @param {{ out: string, models: string }} options folder to write into; folder of the `.onnx` files with their
 *   model cards
 * @returns {Promise<string>} path of the tarball
 * @throws StepError when something is not built or there is no model
 */
export async function packRelease({ out, models }) {
  const modelFiles = existsSync(models)
    ? readdirSync(models, { withFileTypes: true }).filter((entry) => entry.isFile())
    : [];
  if (!modelFiles.some((entry) => entry.name.endsWith(".onnx")))
    throw new StepError(`${models} holds no .onnx file; name the folder of the shipped models with --models`);
  const staging = mkdtempSync(join(tmpdir(), "renograde-release-"));
  try {
    const packages = readJson(join(root, "package.json")).workspaces.map((path) => {
      const folder = join(root, path);
      return { folder, manifest: readJson(join(folder, "package.json")) };
    });
    const command = packages.find(({ manifest }) => manifest.name === "renograde");
    const bundled = packages.filter((p) => p !== command);
    for (const { folder, manifest } of bundled) {
      const target = join(staging, "node_modules", manifest.name);
      stagePackage(folder, manifest, target);
      writeJson(join(target, "package.json"), { ...manifest, exports: withoutSources(manifest.exports) });
    }
    stagePackage(command.folder, command.manifest, staging);
    cpSync(join(root, "NOTICE"), join(staging, "NOTICE"));
    for (const { name } of modelFiles) cpSync(join(models, name), join(staging, "models", name));
    writeJson(join(staging, "package.json"), {
      ...command.manifest,
      exports: withoutSources(command.manifest.exports),
      files: ["dist", "models", "NOTICE"],
      dependencies: {
        ...Object.fromEntries(bundled.map(({ manifest }) => [manifest.name, manifest.version])),
        ...registryDependencies(packages.map(({ manifest }) => manifest)),
      },
      bundleDependencies: bundled.map(({ manifest }) => manifest.name),
    });
    mkdirSync(out, { recursive: true });
    await run("npm", ["pack", "--ignore-scripts", "--silent", "--pack-destination", out], { cwd: staging });
    return join(out, `renograde-${command.manifest.version}.tgz`);
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
}
