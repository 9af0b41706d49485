/**
 * Compiles the libtorch addon (native/) with one compiler call and says where libtorch was found.
 *
 *     node packages/torch/build.mjs [--force]
 *
 * libtorch is searched in this order: RENOGRADE_LIBTORCH (a libtorch or site-packages/torch folder), the `torch`
 * package of the python3 in PATH, the system. The result is build/renograde_torch.node beside build/info.json; when
 * neither sources, libtorch nor options changed, nothing is compiled. Plain Node, because it runs during the set-up.
 *
 * @module
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  realpathSync,
  renameSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { delimiter, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const nativeFolder = join(here, "native");
const buildFolder = join(here, "build");

/** The compiled addon. */
export const addonPath = join(buildFolder, "renograde_torch.node");
const infoPath = join(buildFolder, "info.json");

const INSTALL = "apt-get install -y --no-install-recommends g++ libtorch-dev libopenblas0-pthread";

/** The addon cannot be built here; the message says why and what to do. */
export class BuildError extends Error {}

const triplet = { x64: "x86_64-linux-gnu", arm64: "aarch64-linux-gnu" }[process.arch] ?? process.arch;
const libraryName = (name) => (process.platform === "darwin" ? `lib${name}.dylib` : `lib${name}.so`);

/** libtorch's version from its headers, or undefined where there are none. */
function readVersion(include) {
  for (const path of ["torch/headeronly/version.h", "torch/csrc/api/include/torch/version.h"]) {
    const file = join(include, path);
    if (!existsSync(file)) continue;
    const text = readFileSync(file, "utf8");
    const part = (name) => text.match(new RegExp(`define TORCH_VERSION_${name}\\s+(\\d+)`))?.[1];
    const [major, minor, patch] = ["MAJOR", "MINOR", "PATCH"].map(part);
    if (major !== undefined && minor !== undefined) return `${major}.${minor}.${patch ?? 0}`;
  }
  return undefined;
}

/** What a folder with include/ and lib/ holds, or undefined when that is no libtorch. */
function inspect(folder, source) {
  const include = join(folder, "include");
  const version = readVersion(include);
  if (version === undefined) return undefined;
  const lib = [join(folder, "lib"), join(folder, "lib", triplet), join(folder, "lib64")].find((path) =>
    existsSync(join(path, libraryName("torch_cpu"))),
  );
  if (lib === undefined) return undefined;
  return {
    root: folder,
    include,
    lib,
    version,
    source,
    cuda: existsSync(join(lib, libraryName("torch_cuda"))),
  };
}

/** Folder of the `torch` package python3 would import, found without importing it. */
function pythonTorch() {
  const program =
    "import importlib.util as u; s = u.find_spec('torch'); print(s.submodule_search_locations[0])";
  const { status, stdout } = spawnSync("python3", ["-c", program], { encoding: "utf8", timeout: 20_000 });
  return status === 0 ? stdout.trim() : undefined;
}

/**
 * Finds libtorch with its headers.
 *
 * @returns {import("./build.d.mts").Libtorch | undefined} undefined when there is none
 * @throws BuildError when RENOGRADE_LIBTORCH is set to a folder that holds none
 */
export function findLibtorch() {
  const given = process.env.RENOGRADE_LIBTORCH;
  if (given) {
    const found = inspect(resolve(given), "RENOGRADE_LIBTORCH");
    if (found) return found;
    throw new BuildError(
      `RENOGRADE_LIBTORCH=${given} holds no libtorch; name a folder with include/torch and lib/${libraryName("torch_cpu")}, such as an unpacked libtorch or site-packages/torch`,
    );
  }
  const python = pythonTorch();
  const candidates = [
    [python, "python"],
    ...["/usr/local", "/usr", "/opt/homebrew"].map((f) => [f, "system"]),
  ];
  for (const [folder, source] of candidates) {
    const found = folder ? inspect(folder, source) : undefined;
    if (found) return found;
  }
  return undefined;
}

/** First C++ compiler in PATH (or the environment's CXX), or undefined. */
export function findCompiler() {
  const named = process.env.CXX;
  const folders = (process.env.PATH ?? "").split(delimiter);
  const inPath = (name) =>
    name.includes("/") ? existsSync(name) : folders.some((folder) => existsSync(join(folder, name)));
  return (named ? [named] : ["c++", "g++", "clang++"]).find(inPath);
}

/** Wheels before 2.6 used the old ABI of std::string; the mangled name of one function of libc10 tells. */
function usesCxx11Abi(libtorch) {
  return !readFileSync(join(libtorch.lib, libraryName("c10"))).includes("14torchCheckFailEPKcS2_jRKSs");
}

/** Compiler arguments but for the language standard. */
function compilerArguments(libtorch) {
  const { include, lib, cuda, source } = libtorch;
  const headers = createRequire(import.meta.url).resolve("node-api-headers/package.json");
  const system = include === "/usr/include" || include === "/usr/local/include";
  return [
    ...["-O2", "-fPIC", "-shared", "-fvisibility=hidden", "-Wall", "-Wextra", "-Wno-unused-parameter"],
    ...(process.platform === "linux" ? [`-D_GLIBCXX_USE_CXX11_ABI=${usesCxx11Abi(libtorch) ? 1 : 0}`] : []),
    ...(system ? [] : ["-isystem", include]),
    ...["-isystem", join(include, "torch/csrc/api/include"), "-isystem", join(dirname(headers), "include")],
    // Before the system's folders: its Gloo may be another than the one inside libtorch.
    ...["-I", join(nativeFolder, "gloo"), join(nativeFolder, "addon.cpp"), "-L", lib],
    // The addon stays loaded once it is: the allocator it installs outlives every worker.
    ...(process.platform === "darwin"
      ? ["-undefined", "dynamic_lookup"]
      : ["-Wl,-z,nodelete", "-Wl,--no-as-needed"]),
    ...["-ltorch_cpu", "-lc10", ...(cuda ? ["-ltorch_cuda", "-lc10_cuda"] : [])],
    ...(source === "system" ? [] : [`-Wl,-rpath,${lib}`]),
  ];
}

/** Whether a file holds some text, read in pieces: libraries have hundreds of megabytes. */
function fileIncludes(path, text) {
  if (!existsSync(path)) return false;
  const file = openSync(path, "r");
  try {
    const piece = Buffer.alloc(1 << 24);
    let kept = 0;
    for (;;) {
      const length = readSync(file, piece, kept, piece.length - kept, null);
      if (length === 0) return false;
      if (piece.subarray(0, kept + length).includes(text)) return true;
      // A text may lie across two pieces.
      const tail = Math.min(text.length, kept + length);
      piece.copyWithin(0, kept + length - tail, kept + length);
      kept = tail;
    }
  } finally {
    closeSync(file);
  }
}

/** Folder with NCCL's and CUDA's headers each, of the toolkit or of the packages a CUDA wheel of PyTorch needs. */
function cudaHeaders(libtorch) {
  const packages = join(libtorch.root, "..", "nvidia");
  const wheels = existsSync(packages)
    ? readdirSync(packages).map((name) => join(packages, name, "include"))
    : [];
  const folders = [libtorch.include, "/usr/local/cuda/include", "/usr/include", ...wheels];
  const nccl = folders.find((folder) => existsSync(join(folder, "nccl.h")));
  const cuda = folders.find((folder) => existsSync(join(folder, "cuda_runtime_api.h")));
  return nccl === undefined || cuda === undefined ? undefined : [...new Set([nccl, cuda, ...wheels])];
}

/**
 * Ways to compile what several processes need, the best first: backends of c10d and the arguments that switch them
 * on. The last is none, so that training in one process never depends on it.
 */
function processGroups(libtorch) {
  const { include, lib, cuda } = libtorch;
  const has = (library, name) =>
    existsSync(join(include, `torch/csrc/distributed/c10d/${name}.hpp`)) &&
    fileIncludes(join(lib, libraryName(library)), `_ZN4c10d${name.length}${name}C1E`);
  const ways = [{ c10d: [], extra: [] }];
  if (!has("torch_cpu", "ProcessGroupGloo")) return ways;
  const gloo = { c10d: ["gloo"], extra: ["-DUSE_C10D_GLOO"] };
  ways.unshift(gloo);
  const headers = cuda && has("torch_cuda", "ProcessGroupNCCL") ? cudaHeaders(libtorch) : undefined;
  if (headers !== undefined) {
    const folders = headers.filter((f) => f !== "/usr/include").flatMap((f) => ["-isystem", f]);
    ways.unshift({ c10d: ["gloo", "nccl"], extra: [...gloo.extra, "-DUSE_C10D_NCCL", ...folders] });
  }
  return ways;
}

/** Standards to try in order: releases from about 2.9 on begin to demand C++20. */
function standards(version) {
  const [major, minor] = version.split(".").map(Number);
  return major > 2 || (major === 2 && minor >= 9) ? ["c++20", "c++17"] : ["c++17"];
}

/** What decides the compiled result, as info.json records it. */
function describe(libtorch, compiler) {
  const hash = createHash("sha256");
  for (const name of readdirSync(nativeFolder, { recursive: true }).sort()) {
    const path = join(nativeFolder, name);
    if (statSync(path).isFile()) hash.update(readFileSync(path));
  }
  const library = statSync(realpathSync(join(libtorch.lib, libraryName("torch_cpu"))));
  return {
    libtorch: libtorch.root,
    version: libtorch.version,
    cuda: libtorch.cuda,
    library: `${library.size} bytes, ${library.mtime.toISOString()}`,
    compiler,
    arguments: compilerArguments(libtorch),
    sources: hash.digest("hex"),
  };
}

function readInfo() {
  return JSON.parse(readFileSync(infoPath, "utf8"));
}

function matches(info) {
  if (!existsSync(addonPath) || !existsSync(infoPath)) return false;
  try {
    const { standard: _, c10d: __, ...previous } = readInfo();
    return JSON.stringify(previous) === JSON.stringify(info);
  } catch {
    return false;
  }
}

/** Whether the compiled addon is up to date with its sources and the libtorch found now. */
export function isBuilt() {
  const libtorch = findLibtorch();
  const compiler = findCompiler();
  return libtorch !== undefined && compiler !== undefined && matches(describe(libtorch, compiler));
}

/**
 * Compiles the addon unless it is up to date.
 *
 * @param {{ force?: boolean }} [options]
 * @returns {{ path: string, compiled: boolean, libtorch: import("./build.d.mts").Libtorch, c10d: string[] }}
 * @throws BuildError without libtorch or compiler, or when the compilation fails
 */
export function buildAddon({ force = false } = {}) {
  if (process.platform === "win32")
    throw new BuildError("the libtorch addon is not built on Windows; use WSL");
  const libtorch = findLibtorch();
  if (!libtorch)
    throw new BuildError(`libtorch was not found; install it (${INSTALL}) or set RENOGRADE_LIBTORCH`);
  const compiler = findCompiler();
  if (!compiler)
    throw new BuildError("no C++ compiler was found; install one (apt-get install -y g++) or set CXX");
  const info = describe(libtorch, compiler);
  if (!force && matches(info)) {
    return { path: addonPath, compiled: false, libtorch, c10d: readInfo().c10d };
  }

  mkdirSync(buildFolder, { recursive: true });
  const temporary = join(buildFolder, `.${process.pid}.node`);
  let failure = "";
  const ways = processGroups(libtorch).flatMap((way) =>
    standards(libtorch.version).map((standard) => ({ ...way, standard })),
  );
  for (const { standard, c10d, extra } of ways) {
    const args = [`-std=${standard}`, ...extra, ...info.arguments, "-o", temporary];
    const { status, stderr, error } = spawnSync(compiler, args, { encoding: "utf8", maxBuffer: 1 << 28 });
    if (status === 0) {
      renameSync(temporary, addonPath);
      writeFileSync(`${infoPath}.tmp`, `${JSON.stringify({ ...info, standard, c10d }, null, 2)}\n`);
      renameSync(`${infoPath}.tmp`, infoPath);
      return { path: addonPath, compiled: true, libtorch, c10d };
    }
    failure = error?.message ?? stderr;
  }
  const lines = failure.split("\n").filter((line) => line.trim() !== "");
  const errors = lines.filter((line) => /error|undefined reference|cannot find/.test(line));
  throw new BuildError(
    `${compiler} could not compile the addon against libtorch ${libtorch.version} in ${libtorch.root}:\n  ${(errors.length > 0 ? errors : lines).slice(0, 12).join("\n  ")}`,
  );
}

if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  try {
    const { path, compiled, libtorch, c10d } = buildAddon({ force: process.argv.includes("--force") });
    const what = `libtorch ${libtorch.version}${libtorch.cuda ? " with CUDA" : ""} in ${libtorch.root}`;
    const processes =
      c10d.length > 0
        ? `several processes through ${c10d.join(" and ")}`
        : "one process, it has no c10d with Gloo";
    console.log(`${compiled ? "compiled" : "up to date"}: ${path} (${what}; ${processes})`);
  } catch (error) {
    if (!(error instanceof BuildError)) throw error;
    console.error(`error: ${error.message}`);
    process.exit(1);
  }
}
