/** `npm run docs:options`: writes the table of all training options into docs/training.md, from the schema. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { configTable } from "@renograde/training";
import { root } from "./lib/steps.mjs";

const path = join(root, "docs", "training.md");
const [begin, end] = ["<!-- options: begin -->", "<!-- options: end -->"];
const text = readFileSync(path, "utf8");
const table = `${begin}\n\n${configTable()}\n${end}`;
writeFileSync(path, text.slice(0, text.indexOf(begin)) + table + text.slice(text.indexOf(end) + end.length));
console.log(path);
