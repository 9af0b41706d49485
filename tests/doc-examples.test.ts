/**
 * Every `@example` of a doc comment type-checks against the public surface, as a program of a user would.
 *
 * @module
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";
import { describe, expect, it } from "vitest";
import { declaredExports, entryExports, packageSources, root } from "./support/sources.js";

/** Variables that examples take for granted, with their types. */
const GIVEN: Readonly<Record<string, string>> = {
  about: `Parameters<typeof import("@renograde/nn").describeModel>[2]`,
  dice: "Float64Array",
  error: "unknown",
  image: `import("@renograde/core").RgbImage`,
  metadata: `import("@renograde/formats").ModelMetadata`,
  network: `import("@renograde/nn").Network`,
  nucleus: `import("@renograde/core").Nucleus`,
  prediction: `import("@renograde/core").TypedLabels`,
  session: `import("@renograde/grading").InferenceSession`,
  state: `import("@renograde/nn").StateDict`,
  store: `import("@renograde/torch").ParameterStore`,
  truth: `import("@renograde/core").TypedLabels`,
  loss: `(network: import("@renograde/nn").Network) => import("@renograde/torch").Tensor`,
  x: `import("@renograde/torch").Tensor`,
};

interface Example {
  /** `package/path: name` of what it explains. */
  readonly of: string;
  readonly package: string;
  readonly code: string;
}

function examples(): Example[] {
  return packageSources().flatMap(({ package: name, path, file }) =>
    declaredExports(file).flatMap(({ name: exported, declaration }) =>
      ts.getJSDocTags(declaration).flatMap((tag) => {
        if (tag.tagName.text !== "example") return [];
        const code = ts.getTextOfJSDocComment(tag.comment) ?? "";
        return [{ of: `${name}/${path}: ${exported}`, package: name, code: code.replace(/^```.*$/gm, "") }];
      }),
    ),
  );
}

/** The modules each public value comes from. */
function publicValues(): Map<string, string[]> {
  const values = new Map<string, string[]>();
  for (const name of new Set(packageSources().map((source) => source.package))) {
    if (name === "cli") continue;
    for (const [entry, suffix] of [
      ["index.ts", ""],
      ["node/index.ts", "/node"],
    ] as const) {
      const path = join(root, "packages", name, "src", entry);
      if (!existsSync(path)) continue;
      for (const { name: value, kind } of entryExports(path).values()) {
        if (kind === "value")
          values.set(value, [...(values.get(value) ?? []), `@renograde/${name}${suffix}`]);
      }
    }
  }
  return values;
}

/** Names an example uses without declaring them; properties are no names. */
function freeNames(code: string): Set<string> {
  const file = ts.createSourceFile("example.ts", code, ts.ScriptTarget.ES2023, true);
  const used = new Set<string>();
  const declared = new Set<string>();
  const visit = (node: ts.Node): void => {
    if (ts.isIdentifier(node)) {
      const { parent } = node;
      const binds =
        (ts.isVariableDeclaration(parent) || ts.isBindingElement(parent) || ts.isParameter(parent)) &&
        parent.name === node;
      const isKey =
        (ts.isPropertyAccessExpression(parent) && parent.name === node) ||
        (ts.isPropertyAssignment(parent) && parent.name === node);
      if (binds) declared.add(node.text);
      else if (!isKey) used.add(node.text);
    }
    ts.forEachChild(node, visit);
  };
  visit(file);
  return new Set([...used].filter((name) => !declared.has(name)));
}

describe("examples of doc comments", () => {
  it("type-check with what the packages export", () => {
    const all = examples();
    expect(all.length).toBeGreaterThan(10);
    const values = publicValues();
    const programs = new Map(
      all.map(({ of, package: own, code }, i) => {
        const names = [...freeNames(code)];
        const imports = names.flatMap((name) => {
          const modules = values.get(name) ?? [];
          const module = modules.find((m) => m.split("/")[1] === own) ?? modules[0];
          return module === undefined ? [] : [`import { ${name} } from "${module}";`];
        });
        const given = names.flatMap((name) =>
          GIVEN[name] !== undefined && !values.has(name) ? [`declare const ${name}: ${GIVEN[name]};`] : [],
        );
        const text = [...imports, ...given, "export {};", code].join("\n");
        return [join(root, "tests", `doc-example-${i}.ts`), { of, text }];
      }),
    );
    const { config } = ts.readConfigFile(join(root, "tsconfig.check.json"), ts.sys.readFile);
    const { options } = ts.parseJsonConfigFileContent({ ...config, include: [], files: [] }, ts.sys, root);
    const host = ts.createCompilerHost(options);
    const { getSourceFile, fileExists, readFile } = host;
    host.fileExists = (path) => programs.has(path) || fileExists(path);
    host.readFile = (path) => programs.get(path)?.text ?? readFile(path);
    host.getSourceFile = (path, target, ...rest) => {
      const program = programs.get(path);
      if (program === undefined) return getSourceFile(path, target, ...rest);
      return ts.createSourceFile(path, program.text, target, true);
    };
    const program = ts.createProgram([...programs.keys()], options, host);
    const problems = [...programs].flatMap(([path, { of }]) => {
      const file = program.getSourceFile(path);
      return [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)].map(
        ({ messageText }) => `${of}: ${ts.flattenDiagnosticMessageText(messageText, " ")}`,
      );
    });
    expect(problems).toEqual([]);
  });
});
