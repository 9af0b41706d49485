/**
 * The documentation against the program: every command shown exists with the options shown, every link leads to a
 * file, and the table of training options is that of the schema.
 *
 * @module
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { configTable } from "@renograde/training";
import { afterEach, describe, expect, it, vi } from "vitest";
import { main } from "../packages/cli/src/program.js";
import { root } from "./support/sources.js";

const markdown = (folder: string): string[] =>
  readdirSync(join(root, folder), { withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".md"))
    .map((entry) => join(folder, entry.name));

const PAGES = [
  ...[".", "docs", "docs/users", "docs/developers"].flatMap(markdown),
  ...readdirSync(join(root, "packages"), { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? markdown(join("packages", entry.name)) : [],
  ),
].sort();

const scripts: Record<string, string> = JSON.parse(readFileSync(join(root, "package.json"), "utf8")).scripts;

/** Lines of the blocks marked `sh` of a page. */
const commands = (page: string): string[] =>
  [...readFileSync(join(root, page), "utf8").matchAll(/^```sh\n(.*?)^```/gms)].flatMap((block) =>
    block[1]!.split("\n").filter((line) => line.trim() !== ""),
  );

const helps = new Map<string, string>();

/** What `renograde <path> --help` prints; empty when there is no such command. */
async function help(path: readonly string[]): Promise<string> {
  const key = path.join(" ");
  let text = helps.get(key);
  if (text === undefined) {
    text = "";
    const write = vi.spyOn(process.stdout, "write").mockImplementation((chunk) => {
      text += String(chunk);
      return true;
    });
    const status = await main([...path, "--help"]);
    write.mockRestore();
    if (status !== 0 || !text.startsWith(`Usage: ${["renograde", ...path].join(" ")}`)) text = "";
    helps.set(key, text);
  }
  return text;
}

/** What is wrong with a command line of renograde, without its name; nothing when it is right. */
async function problemOf(args: readonly string[]): Promise<string | undefined> {
  const options = args.filter((arg) => arg.startsWith("-"));
  let path = args.slice(0, 1);
  let text = args[0]?.startsWith("-") ? await help([]) : await help(path);
  if (text === "") return `unknown command "${args[0] ?? ""}"`;
  if (/^Commands:$/m.test(text) && !args[0]?.startsWith("-")) {
    path = args.slice(0, 2);
    text = await help(path);
    if (text === "") return `unknown command "${path.join(" ")}"`;
  }
  const unknown = options.find((option) => !new RegExp(`(^|[\\s,])${option}([\\s,]|$)`, "m").test(text));
  return unknown && `${path.join(" ")} has no option ${unknown}`;
}

afterEach(() => {
  vi.restoreAllMocks();
});

describe("documentation", () => {
  it("shows commands of renograde that exist, with their options", async () => {
    const wrong: string[] = [];
    let count = 0;
    for (const page of PAGES) {
      for (const line of commands(page)) {
        const words = line.split(/\s+/);
        const at = words.indexOf("renograde");
        if (at < 0) continue;
        count++;
        const problem = await problemOf(words.slice(at + 1));
        if (problem !== undefined) wrong.push(`${page}: ${line}: ${problem}`);
      }
    }
    expect(wrong).toEqual([]);
    expect(count).toBeGreaterThan(25);
  });

  it("notices commands and options that do not exist", async () => {
    expect(await problemOf(["grad", "x.png"])).toBe('unknown command "grad"');
    expect(await problemOf(["dataset", "burn", "x"])).toBe('unknown command "dataset burn"');
    expect(await problemOf(["grade", "x.png", "--output", "y"])).toBe("grade has no option --output");
  });

  it("shows npm scripts and files that exist", () => {
    const wrong = PAGES.flatMap((page) =>
      commands(page).flatMap((line) => {
        const [, script] = /\bnpm (?:run ([\w:]+)|test\b)/.exec(line) ?? [];
        const [, file] = /(?:npx tsx|python3|node) (?:(?:--import|-C) \S+ )*(\S+)/.exec(line) ?? [];
        return [
          ...(script !== undefined && !(script in scripts) ? [`${page}: no script ${script}`] : []),
          ...(file !== undefined && !existsSync(join(root, file)) ? [`${page}: no file ${file}`] : []),
        ];
      }),
    );
    expect(wrong).toEqual([]);
  });

  it("links to files that exist", () => {
    const wrong = PAGES.flatMap((page) =>
      [...readFileSync(join(root, page), "utf8").matchAll(/\]\(([^)#\s]+)(#[^)]*)?\)/g)].flatMap(
        ([, link]) =>
          /^https?:/.test(link!) || existsSync(join(root, dirname(page), link!)) ? [] : [`${page}: ${link}`],
      ),
    );
    // The picture shows the shipped model's result (examples/result-figure.ts), so it comes with the model.
    const drawn = existsSync(join(root, "models", "chr-net-synthetic.onnx"));
    expect(wrong.filter((line) => drawn || line !== "README.md: docs/images/result.png")).toEqual([]);
  });

  it("lists every training option as the schema has it (npm run docs:options writes the table)", () => {
    const text = readFileSync(join(root, "docs", "training.md"), "utf8");
    const [, table = ""] = /<!-- options: begin -->\n(.*)<!-- options: end -->/s.exec(text) ?? [];
    // The formatter aligns the columns.
    const rows = (lines: string): string[] =>
      lines
        .trim()
        .split("\n")
        .map((row) => row.replace(/ +/g, " ").replace(/-{3,}/g, "---"));
    expect(rows(table)).toEqual(rows(configTable()));
  });
});
