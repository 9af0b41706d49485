/**
 * Who may import what (docs/developers/layout.md): every import of every package against the table, native
 * packages in one file each, and no Node or browser globals where code runs anywhere.
 *
 * @module
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";
import { describe, expect, it } from "vitest";
import { importsOf, packageSources, root, type Source } from "./support/sources.js";

/** Packages of the workspace each package may import. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  core: [],
  formats: ["core"],
  slides: ["core", "formats"],
  nn: ["core", "formats"],
  torch: ["core", "nn", "formats"],
  training: ["core", "nn", "torch", "formats", "slides"],
  grading: ["core", "formats", "slides"],
  cli: ["core", "nn", "torch", "formats", "slides", "training", "grading"],
};

/** The one file that imports each heavy or native package. */
const ONE_FILE: Readonly<Record<string, string>> = {
  sharp: "slides/node/image-codec.ts",
  "onnxruntime-node": "grading/node/onnx-session.ts",
  "onnx-buf": "formats/onnx-model.ts",
  yaml: "training/config/load-config.ts",
};

/** Of these packages everything runs anywhere; of the others what is outside `node/`. */
const ANYWHERE = ["core", "formats", "nn", "slides", "grading"];
const runsAnywhere = ({ package: name, path }: Source): boolean =>
  ANYWHERE.includes(name) && !path.startsWith("node/") && !path.startsWith("report/client/");

/** Globals of Node or of browsers only. What both have (TextDecoder, performance, AbortSignal) is allowed. */
const GLOBALS = new Set(
  "process Buffer require module __dirname __filename global setImmediate window document navigator location localStorage sessionStorage self alert Image HTMLElement HTMLCanvasElement OffscreenCanvas XMLHttpRequest Worker FileReader fetch".split(
    " ",
  ),
);

const sources = packageSources();
const where = (source: Source): string => `${source.package}/${source.path}`;

/** Free uses of {@link GLOBALS}: names the file does not declare itself, and no property names. */
function foreignGlobals(file: ts.SourceFile): string[] {
  const declared = new Set<string>();
  const used = new Set<string>();
  const visit = (node: ts.Node): void => {
    if (ts.isIdentifier(node) && GLOBALS.has(node.text)) {
      const { parent } = node;
      const named = parent as ts.NamedDeclaration;
      const property =
        (ts.isPropertyAccessExpression(parent) && parent.name === node) ||
        ts.isPropertyAssignment(parent) ||
        ts.isPropertySignature(parent) ||
        ts.isPropertyDeclaration(parent) ||
        ts.isMethodSignature(parent) ||
        ts.isMethodDeclaration(parent) ||
        ts.isJSDoc(parent);
      if (property) {
        if (ts.isPropertyAssignment(parent) && parent.initializer === node) used.add(node.text);
      } else if (named.name === node && !ts.isShorthandPropertyAssignment(parent)) declared.add(node.text);
      else used.add(node.text);
    }
    ts.forEachChild(node, visit);
  };
  visit(file);
  return [...used].filter((name) => !declared.has(name));
}

describe("package boundaries", () => {
  it("finds the packages of the workspace", () => {
    expect([...new Set(sources.map((source) => source.package))].sort()).toEqual(
      Object.keys(MAY_IMPORT).sort(),
    );
    expect(sources.length).toBeGreaterThan(150);
  });

  it("imports follow the dependency table, and package.json lists them", () => {
    const wrong = sources.flatMap((source) => {
      const manifest = JSON.parse(
        readFileSync(join(root, "packages", source.package, "package.json"), "utf8"),
      ) as { dependencies: Record<string, string> };
      return importsOf(source.file).flatMap((name) => {
        if (name.startsWith(".") || name.startsWith("node:")) return [];
        const [, ours] = /^@renograde\/([^/]+)/.exec(name) ?? [];
        if (ours !== undefined && !MAY_IMPORT[source.package]?.includes(ours))
          return [`${where(source)} imports ${name}`];
        const dependency = name.split("/", name.startsWith("@") ? 2 : 1).join("/");
        return dependency in manifest.dependencies
          ? []
          : [`${where(source)} imports ${name}, which its package.json does not list`];
      });
    });
    expect(wrong).toEqual([]);
  });

  it("relative imports stay inside their package", () => {
    const wrong = sources.flatMap((source) =>
      importsOf(source.file)
        .filter((name) => name.startsWith("."))
        .filter((name) => join("/p", source.path, "..", name).split("/")[1] !== "p")
        .map((name) => `${where(source)} imports ${name}`),
    );
    expect(wrong).toEqual([]);
  });

  it("finds globals of Node and the DOM, and leaves names alone that a file declares", () => {
    const text = `
      const home = process.env.HOME, copy = { window, process: 1 }, size = model.window;
      export function parse(document: Json): Json { return document.body; }
      export interface Options { readonly window: number; readonly location: string }`;
    const file = ts.createSourceFile("example.ts", text, ts.ScriptTarget.ES2023, true);
    expect(foreignGlobals(file).sort()).toEqual(["process", "window"]);
  });

  it("code that runs anywhere uses neither Node nor the DOM, and nothing of a node folder", () => {
    const wrong = sources.filter(runsAnywhere).flatMap((source) => [
      ...importsOf(source.file)
        .filter((name) => name.startsWith("node:") || /\/node(\/|$)/.test(name))
        .map((name) => `${where(source)} imports ${name}`),
      ...foreignGlobals(source.file).map((name) => `${where(source)} uses ${name}`),
    ]);
    expect(wrong).toEqual([]);
  });

  it.each(Object.entries(ONE_FILE))("%s is imported in %s only", (dependency, only) => {
    const importers = sources.filter(({ file }) =>
      importsOf(file).some((name) => name === dependency || name.startsWith(`${dependency}/`)),
    );
    expect(importers.map(where)).toEqual([only]);
  });

  it("the libtorch addon is loaded in torch/native.ts only", () => {
    const loaders = sources.filter(({ file }) => /\.node["'`]|createRequire\(/.test(file.text));
    // grading/node reads the report's own script through createRequire.
    expect(loaders.filter((source) => source.package !== "grading").map(where)).toEqual(["torch/native.ts"]);
    expect(loaders.filter(({ file }) => file.text.includes("renograde_torch.node")).map(where)).toEqual([
      "torch/native.ts",
    ]);
  });
});
