/**
 * The packages' sources as syntax trees, for tests about the code itself. Parsed only, so fast; no types.
 *
 * @module
 */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";

/** The repository's root folder. */
export const root = fileURLToPath(new URL("../../", import.meta.url));

/** A source file of a package. */
export interface Source {
  /** Folder under packages/. */
  readonly package: string;
  /** Path inside the package's src folder, with forward slashes. */
  readonly path: string;
  readonly file: ts.SourceFile;
}

const parsed = new Map<string, ts.SourceFile>();

/** A file of this repository, parsed once. */
export function parseFile(path: string): ts.SourceFile {
  let file = parsed.get(path);
  if (file === undefined) {
    file = ts.createSourceFile(path, readFileSync(path, "utf8"), ts.ScriptTarget.ES2023, true);
    parsed.set(path, file);
  }
  return file;
}

/** Every source of every package but its tests and what only tests use (`testing/`). */
export function packageSources(): Source[] {
  const packages = join(root, "packages");
  return readdirSync(packages, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .flatMap(({ name }) => {
      const folder = join(packages, name, "src");
      return readdirSync(folder, { recursive: true, encoding: "utf8" })
        .map((path) => path.split(sep).join("/"))
        .filter((path) => path.endsWith(".ts") && !path.endsWith(".test.ts") && !/(^|\/)testing\//.test(path))
        .sort()
        .map((path) => ({ package: name, path, file: parseFile(join(folder, path)) }));
    });
}

const imports = new WeakMap<ts.SourceFile, readonly string[]>();

/** Modules a file imports, exports from or imports lazily. */
export function importsOf(file: ts.SourceFile): readonly string[] {
  const known = imports.get(file) ?? findImports(file);
  imports.set(file, known);
  return known;
}

function findImports(file: ts.SourceFile): string[] {
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    if ((ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) && node.moduleSpecifier) {
      found.push((node.moduleSpecifier as ts.StringLiteral).text);
    } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      const [argument] = node.arguments;
      found.push(argument && ts.isStringLiteralLike(argument) ? argument.text : "(computed)");
    } else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) {
      found.push((node.argument.literal as ts.StringLiteral).text);
    }
    ts.forEachChild(node, visit);
  };
  visit(file);
  return found;
}

/** One exported name. */
export interface Exported {
  readonly name: string;
  /** `type` for what leaves no trace at run time. */
  readonly kind: "value" | "type";
  /** The statement that declares it. */
  readonly declaration: ts.Statement;
}

const hasExport = (statement: ts.Statement): boolean =>
  ts.canHaveModifiers(statement) &&
  (ts.getModifiers(statement) ?? []).some((m) => m.kind === ts.SyntaxKind.ExportKeyword);

/** Names a file declares and exports itself. */
export function declaredExports(file: ts.SourceFile): Exported[] {
  return file.statements.flatMap((declaration): Exported[] => {
    if (!hasExport(declaration)) return [];
    if (ts.isVariableStatement(declaration)) {
      return declaration.declarationList.declarations.map(({ name }) => ({
        name: name.getText(),
        kind: "value",
        declaration,
      }));
    }
    const named = declaration as ts.DeclarationStatement;
    const type = ts.isInterfaceDeclaration(declaration) || ts.isTypeAliasDeclaration(declaration);
    return [{ name: named.name?.getText() ?? "default", kind: type ? "type" : "value", declaration }];
  });
}

/** All names an entry point exports, those of other files of the package included, by name. */
export function entryExports(path: string): Map<string, Exported> {
  const file = parseFile(path);
  const result = new Map(declaredExports(file).map((exported) => [exported.name, exported]));
  for (const statement of file.statements) {
    if (!ts.isExportDeclaration(statement) || !statement.moduleSpecifier) continue;
    const specifier = (statement.moduleSpecifier as ts.StringLiteral).text;
    const target = join(dirname(path), specifier.replace(/\.js$/, ".ts"));
    const from = entryExports(target);
    if (statement.exportClause === undefined) {
      for (const [name, exported] of from) result.set(name, exported);
      continue;
    }
    if (!ts.isNamedExports(statement.exportClause)) continue;
    for (const element of statement.exportClause.elements) {
      const name = element.name.text;
      const origin = from.get((element.propertyName ?? element.name).text);
      if (origin === undefined) throw new Error(`${relative(root, path)}: ${name} is not in ${specifier}`);
      const kind = statement.isTypeOnly || element.isTypeOnly ? "type" : origin.kind;
      result.set(name, { ...origin, name, kind });
    }
  }
  return result;
}
