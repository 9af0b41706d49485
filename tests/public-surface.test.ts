/**
 * The public surface of every package: a snapshot of the names its entry points export, and a doc comment on
 * every exported declaration. A name more or less is a line in the diff of tests/surface/; after a change meant so,
 * `npx vitest run tests/public-surface.test.ts -u` writes the files again.
 *
 * @module
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";
import { describe, expect, it } from "vitest";
import { declaredExports, entryExports, packageSources, root } from "./support/sources.js";

const packages = [...new Set(packageSources().map((source) => source.package))];
const ENTRIES = packages.flatMap((name) =>
  ["index.ts", "node/index.ts"]
    .map((entry) => ({ name, entry, path: join(root, "packages", name, "src", entry) }))
    .filter(({ path }) => existsSync(path)),
);

const lines = (path: string, kind: "value" | "type"): string =>
  [...entryExports(path).values()]
    .filter((exported) => exported.kind === kind)
    .map(({ name }) => `  ${name}`)
    .sort()
    .join("\n");

const documented = (statement: ts.Statement): boolean =>
  ts.getJSDocCommentsAndTags(statement).some((doc) => ts.isJSDoc(doc) && doc.comment !== undefined);

describe("public surface", () => {
  it.each(ENTRIES)("$name $entry exports what is on record", async ({ name, entry, path }) => {
    const text = `values\n${lines(path, "value")}\n\ntypes\n${lines(path, "type")}\n`;
    const record = `${name}${entry === "index.ts" ? "" : "-node"}.txt`;
    await expect(text).toMatchFileSnapshot(join(root, "tests", "surface", record));
  });

  it("every file opens with a @module comment", () => {
    const silent = packageSources().filter(({ file }) => !/^(#!.*\n)?\/\*\*[\s\S]*?@module/.test(file.text));
    expect(silent.map(({ package: name, path }) => `${name}/${path}`)).toEqual([]);
  });

  it("every exported declaration has a doc comment", () => {
    const silent = packageSources().flatMap(({ package: name, path, file }) => {
      const exports = declaredExports(file);
      // Of overloads, the first carries the comment.
      const spoken = new Set(exports.filter((e) => documented(e.declaration)).map((e) => e.name));
      return exports.filter((e) => !spoken.has(e.name)).map((e) => `${name}/${path}: ${e.name}`);
    });
    expect(silent).toEqual([]);
  });

  it("every public method of an exported class has a doc comment", () => {
    const hidden = (member: ts.ClassElement): boolean =>
      (ts.canHaveModifiers(member) ? (ts.getModifiers(member) ?? []) : []).some(
        (m) =>
          m.kind === ts.SyntaxKind.PrivateKeyword ||
          m.kind === ts.SyntaxKind.OverrideKeyword ||
          m.kind === ts.SyntaxKind.ProtectedKeyword,
      ) ||
      (member.name !== undefined && ts.isPrivateIdentifier(member.name));
    const silent = packageSources().flatMap(({ package: name, path, file }) =>
      declaredExports(file).flatMap(({ declaration }) => {
        if (!ts.isClassDeclaration(declaration) || declaration.heritageClauses !== undefined) return [];
        return declaration.members
          .filter((member) => ts.isMethodDeclaration(member) && !hidden(member))
          .filter((member) => ts.getJSDocCommentsAndTags(member).length === 0)
          .map((member) => `${name}/${path}: ${declaration.name?.text}.${member.name?.getText()}`);
      }),
    );
    expect(silent).toEqual([]);
  });
});
