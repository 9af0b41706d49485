/**
 * The steps that prepare a clone: npm packages, system libraries, TypeScript build, libtorch addon.
 * Each knows when it is done, so that a second run takes a moment.
 */
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { root, run, StepError } from "./steps.mjs";

const [major, minor] = process.versions.node.split(".").map(Number);

/** Throws unless Node is 20.19 or newer. */
export function requireNode() {
  if (major < 20 || (major === 20 && minor < 19)) {
    throw new StepError(
      `Renograde needs Node 20.19 or newer, this is ${process.version}; get it from your system or nodejs.org`,
    );
  }
}

const installStamp = join(root, "node_modules", ".renograde-installed");

/** Hash of everything that decides what `npm ci` installs. */
function installKey() {
  const hash = createHash("sha256").update(`${process.version} ${process.platform} ${process.arch}\n`);
  hash.update(readFileSync(join(root, "package-lock.json")));
  return hash.digest("hex");
}

/** npm packages, from the lock file. */
export const npmStep = {
  name: "Installing npm packages",
  estimateS: 30,
  done: () =>
    existsSync(installStamp) && readFileSync(installStamp, "utf8") === installKey()
      ? "already installed"
      : false,
  run: async () => {
    await run("npm", ["ci", "--no-audit", "--no-fund"], {
      log: "npm-ci.log",
      env: { ONNXRUNTIME_NODE_INSTALL: "skip" },
    });
    writeFileSync(installStamp, installKey());
  },
};

/** Newest modification time below a folder, of files whose name `keep` accepts. */
function newest(folder, keep) {
  let time = 0;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.name === "node_modules" || entry.name === "dist" || entry.name === "build") continue;
    const path = join(folder, entry.name);
    if (entry.isDirectory()) time = Math.max(time, newest(path, keep));
    else if (keep(entry.name)) time = Math.max(time, statSync(path).mtimeMs);
  }
  return time;
}

const buildStamp = join(root, "packages", "cli", "dist", ".built");

/** TypeScript to JavaScript. */
export const buildStep = {
  name: "Building the packages",
  estimateS: 15,
  done: () => {
    if (!existsSync(buildStamp)) return false;
    const sources = newest(join(root, "packages"), (name) => /\.(ts|json|html|css)$/.test(name));
    return statSync(buildStamp).mtimeMs > sources ? "already built" : false;
  },
  run: async () => {
    await run("npx", ["tsc", "-b"], { log: "tsc.log" });
    writeFileSync(buildStamp, "");
  },
};

/** Whether a command exists in PATH. */
export function hasCommand(name) {
  return (process.env.PATH ?? "").split(":").some((folder) => existsSync(join(folder, name)));
}

/** How to run apt-get here, or undefined where it cannot be used. `RENOGRADE_NO_APT=1` forbids it. */
function aptGet() {
  if (process.env.RENOGRADE_NO_APT || !hasCommand("apt-get")) return undefined;
  if (process.getuid?.() === 0) return ["apt-get"];
  return hasCommand("sudo") ? ["sudo", "-n", "apt-get"] : undefined;
}

/**
 * Installs Debian or Ubuntu packages.
 *
 * @param {string[]} packages
 * @returns {Promise<string | undefined>} why it was not possible, or undefined when all is installed
 */
export async function aptInstall(packages) {
  const apt = aptGet();
  if (apt === undefined) return "apt-get cannot be used here";
  const [command, ...prefix] = apt;
  const env = { DEBIAN_FRONTEND: "noninteractive" };
  await run(command, [...prefix, "update"], { log: "apt-update.log", env, allowFailure: true });
  const args = [...prefix, "install", "-y", "--no-install-recommends", ...packages];
  const status = await run(command, args, { log: "apt-install.log", env, allowFailure: true });
  return status === 0
    ? undefined
    : `apt-get install ${packages.join(" ")} failed (see .cache/apt-install.log)`;
}

const requires = (name) => (process.env.RENOGRADE_REQUIRE ?? "").split(",").includes(name);

/** The addon's build script; a wrong `RENOGRADE_LIBTORCH` becomes one sentence. */
async function torchBuild() {
  const { BuildError, findCompiler, findLibtorch, isBuilt } = await import("../../packages/torch/build.mjs");
  const ask = (question) => {
    try {
      return question();
    } catch (error) {
      if (error instanceof BuildError) throw new StepError(error.message);
      throw error;
    }
  };
  return {
    libtorch: () => ask(findLibtorch),
    compiler: () => ask(findCompiler),
    built: () => ask(isBuilt),
  };
}

/** A C++ compiler and libtorch, from the system or by apt-get; missing is not an error unless required. */
export const libtorchStep = {
  name: "Finding libtorch and a C++ compiler",
  estimateS: 120,
  done: async () => {
    const find = await torchBuild();
    const found = find.libtorch();
    const compiler = find.compiler();
    return found && compiler ? `libtorch ${found.version} in ${found.root}, ${compiler}` : false;
  },
  run: async () => {
    const find = await torchBuild();
    const packages = [];
    if (!find.compiler()) packages.push("g++");
    if (!find.libtorch()) packages.push("libtorch-dev", "libopenblas0-pthread");
    const problem = await aptInstall(packages);
    const found = find.libtorch();
    if (found && find.compiler()) return `libtorch ${found.version}`;
    const remedy = "set RENOGRADE_LIBTORCH to a libtorch folder, or apt-get install libtorch-dev g++";
    if (requires("libtorch")) {
      throw new StepError(`libtorch or a C++ compiler is required and missing: ${problem}; ${remedy}`);
    }
    return `not available (${problem}); training is left out. To have it: ${remedy}`;
  },
};

/** The libtorch addon. */
export const addonStep = {
  name: "Compiling the libtorch addon",
  estimateS: 45,
  done: async () => {
    const find = await torchBuild();
    if (!find.libtorch() || !find.compiler()) return "no libtorch or no compiler; left out";
    return find.built() ? "already compiled" : false;
  },
  run: async () => {
    try {
      await run(process.execPath, ["packages/torch/build.mjs"], { log: "addon.log" });
    } catch (error) {
      if (requires("libtorch")) throw error;
      return "failed (see .cache/addon.log); training is left out";
    }
  },
};

/** Chromium, for the tests that look at the report in a browser. */
export const chromiumStep = {
  name: "Finding Chromium for the browser tests",
  estimateS: 60,
  done: () => {
    const found = ["chromium", "chromium-browser", "google-chrome"].find(hasCommand);
    return found ?? false;
  },
  run: async () => {
    const problem = await aptInstall(["chromium"]);
    return problem === undefined ? "installed" : `not available (${problem}); the browser tests are skipped`;
  },
};

/** Threads for tools that take a number. */
export const threads = availableParallelism();
