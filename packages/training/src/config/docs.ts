/**
 * The schema read back: option names for messages, the table of the documentation, the JSON schema for editors.
 *
 * @module
 */
import { z } from "zod";
import { trainConfigSchema } from "./schema.js";

interface Node {
  readonly properties?: Readonly<Record<string, Node>>;
  readonly items?: Node | boolean;
  readonly description?: string;
  readonly default?: unknown;
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Node[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly exclusiveMaximum?: number;
}

/** JSON schema (draft 2020-12) of a configuration file, for editors. */
export function configJsonSchema(): Record<string, unknown> {
  return z.toJSONSchema(trainConfigSchema, { io: "input" });
}

function child(node: Node | undefined, key: string | number): Node | undefined {
  if (node === undefined) return undefined;
  if (typeof key === "number") return typeof node.items === "object" ? node.items : undefined;
  return node.properties?.[key];
}

/** Option names of the group at a path, such as `["train"]` or `["train", "phases", 0]`. */
export function knownOptions(path: readonly (string | number)[]): readonly string[] {
  let node: Node | undefined = configJsonSchema() as Node;
  for (const key of path) node = child(node, key);
  return Object.keys(node?.properties ?? {});
}

/** One option, as the table shows it. */
export interface OptionDoc {
  /** Dotted name; entries of a list as `train.phases[].lr`. */
  readonly name: string;
  /** Kind and range in words: `whole number, 1 to 1024`. */
  readonly values: string;
  readonly default: unknown;
  readonly description: string;
}

const UNLIMITED = Number.MAX_SAFE_INTEGER;

function describeValues(node: Node): string {
  if (node.enum) return node.enum.map((v) => `\`${String(v)}\``).join(", ");
  if (node.anyOf) return node.anyOf.map(describeValues).join(" or ");
  const types = typeof node.type === "string" ? [node.type] : [...(node.type ?? ["any"])];
  const words = types.map(
    (t) =>
      ({ integer: "whole number", boolean: "true, false", string: "text", null: "none", array: "list" })[t] ??
      t,
  );
  const low =
    node.exclusiveMinimum !== undefined
      ? `above ${node.exclusiveMinimum}`
      : node.minimum !== undefined && node.minimum > -UNLIMITED
        ? `${node.minimum}`
        : undefined;
  const high =
    node.exclusiveMaximum !== undefined
      ? `below ${node.exclusiveMaximum}`
      : node.maximum !== undefined && node.maximum < UNLIMITED
        ? `${node.maximum}`
        : undefined;
  const range = low && high ? `${low} to ${high}` : (low ?? high);
  return range ? `${words.join(" or ")}, ${range}` : words.join(" or ");
}

/** Every option in the schema's order. */
export function listOptions(): OptionDoc[] {
  const result: OptionDoc[] = [];
  const walk = (node: Node, prefix: string): void => {
    for (const [key, option] of Object.entries(node.properties ?? {})) {
      const name = prefix === "" ? key : `${prefix}.${key}`;
      if (option.properties) {
        walk(option, name);
        continue;
      }
      result.push({
        name,
        values: describeValues(option),
        default: option.default,
        description: option.description ?? "",
      });
      if (typeof option.items === "object" && option.items.properties) walk(option.items, `${name}[]`);
    }
  };
  walk(configJsonSchema() as Node, "");
  return result;
}

/** The options as a Markdown table: name, values, default, meaning. */
export function configTable(): string {
  const cell = (text: string) => text.replaceAll("|", "\\|");
  const rows = listOptions().map(
    (o) =>
      `| \`${o.name}\` | ${cell(o.values)} | \`${JSON.stringify(o.default)}\` | ${cell(o.description)} |`,
  );
  return ["| option | values | default | meaning |", "| --- | --- | --- | --- |", ...rows, ""].join("\n");
}
