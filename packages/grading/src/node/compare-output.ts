/**
 * A comparison as text for a terminal, JSON, and CSV per image.
 *
 * @module
 */
import {
  agreementOf,
  type ClassScheme,
  type Confusion,
  classKeys,
  type ImageMetrics,
  type PairedCounts,
  type ScoreComparison,
} from "@renograde/core";
import { type CsvValue, csvChunks } from "@renograde/formats";
import type { ComparedImage, FolderComparison } from "./compare.js";

/** Images named in each list. */
const LISTED = 3;

/** Images a reader should look at, each list from the most telling. */
export interface TellingImages {
  /** Least PQ of A, of B. */
  readonly worstA: readonly ComparedImage[];
  readonly worstB: readonly ComparedImage[];
  /** Largest difference of PQ. */
  readonly different: readonly ComparedImage[];
}

/** Chooses the images to look at; those without PQ are left out, equal ones stay in order. */
export function tellingImages(images: readonly ComparedImage[]): TellingImages {
  const first = (rank: (image: ComparedImage) => number): ComparedImage[] =>
    images
      .filter((image) => !Number.isNaN(rank(image)))
      .sort((x, y) => rank(x) - rank(y))
      .slice(0, LISTED);
  return {
    worstA: first((image) => image.a.pq),
    worstB: first((image) => image.b.pq),
    different: first((image) => -Math.abs(image.b.pq - image.a.pq)).filter(
      (image) => image.a.pq !== image.b.pq,
    ),
  };
}

/** Score with four decimals, `–` where it is not defined. */
export const score = (value: number): string => (Number.isNaN(value) ? "–" : value.toFixed(4));

/** Difference with its sign. */
export const signed = (value: number): string =>
  Number.isNaN(value) ? "–" : `${value < 0 ? "−" : value > 0 ? "+" : "±"}${Math.abs(value).toFixed(4)}`;

/** Which side is better beyond noise: the interval leaves 0 out. */
export function decided({ difference }: ScoreComparison): "a" | "b" | undefined {
  if (difference.low > 0) return "b";
  return difference.high < 0 ? "a" : undefined;
}

/** The scores that at least one side defines: without classes in the truth there are none of classes. */
export function definedScores({ scores }: FolderComparison): ScoreComparison[] {
  return scores.filter(({ a, b }) => !(Number.isNaN(a) && Number.isNaN(b)));
}

/** The one sentence that matters. */
export function compareVerdict(comparison: FolderComparison): string {
  const pq = comparison.scores.find(({ key }) => key === "pq")!;
  const [a, b] = comparison.names;
  const better = decided(pq);
  const interval = `PQ ${score(pq.a)} and ${score(pq.b)}, difference ${signed(pq.difference.value)} (${signed(pq.difference.low)} to ${signed(pq.difference.high)})`;
  if (Number.isNaN(pq.difference.value)) return "Neither has a nucleus to compare";
  return better === undefined
    ? `No difference beyond noise: ${interval}`
    : `${better === "b" ? b : a} is better: ${interval}`;
}

/** Rows and columns of a confusion that hold something, with their names. */
export interface ConfusionTable {
  /** First the corner, then names of columns. */
  readonly head: readonly string[];
  readonly rows: readonly { readonly name: string; readonly counts: readonly (number | null)[] }[];
}

/**
 * A confusion with names: classes first, then nuclei without class where there are any, then what only one side has.
 *
 * @param sides - of rows and columns, for the names of what only one has
 */
export function confusionTable(
  { counts }: Confusion,
  scheme: ClassScheme,
  corner: string,
  onlyRows: string,
  onlyColumns: string,
): ConfusionTable {
  const classes = scheme.classes.length;
  const without = classes + 1;
  const untyped = counts.some((row, i) => row[without]! > 0 || (i === without && row.some((n) => n > 0)));
  const typed = counts.some((row, i) =>
    row.some((n, j) => n > 0 && ((i > 0 && i < without) || (j > 0 && j < without))),
  );
  const indices = [
    ...(typed || !untyped ? Array.from({ length: classes }, (_, i) => i + 1) : []),
    ...(untyped ? [without] : []),
  ];
  const name = (index: number): string =>
    index === without ? (typed ? "without class" : "nucleus") : scheme.classes[index - 1]!.name;
  return {
    head: [corner, ...indices.map(name), onlyRows],
    rows: [
      ...indices.map((i) => ({
        name: name(i),
        counts: [...indices.map((j) => counts[i]![j]!), counts[i]![0]!],
      })),
      { name: onlyColumns, counts: [...indices.map((j) => counts[0]![j]!), null] },
    ],
  };
}

/** The three confusions of a comparison with their titles. */
export function confusionTables(
  comparison: FolderComparison,
): { readonly title: string; readonly table: ConfusionTable }[] {
  const { scheme, confusionA, confusionB, agreement } = comparison;
  const truth = (confusion: Confusion, name: string) => ({
    title: `Truth (rows) and ${name} (columns)`,
    table: confusionTable(confusion, scheme, "truth", "missed", "invented"),
  });
  return [
    truth(confusionA, "A"),
    truth(confusionB, "B"),
    {
      title: "A (rows) and B (columns)",
      table: confusionTable(agreement, scheme, "A", "only A", "only B"),
    },
  ];
}

/** Sentences on nuclei that one side gets right and the other does not, and on agreement. */
export function pairedSentences({ found, typed, agreement }: FolderComparison): string[] {
  const count = (value: number): string => value.toLocaleString("en-US");
  const sentence = (what: string, { both, onlyA, onlyB, neither }: PairedCounts): string =>
    `${count(both + onlyA + onlyB + neither)} ${what}: ${count(both)} by both, ${count(onlyA)} by A alone, ${count(onlyB)} by B alone, ${count(neither)} by neither`;
  const { f1, matched, sameClass } = agreementOf(agreement);
  const classes = Number.isNaN(sameClass)
    ? ""
    : `, ${(100 * sameClass).toFixed(1)} % of them with the same class`;
  return [
    sentence("true nuclei found", found),
    ...(typed.both + typed.onlyA + typed.onlyB + typed.neither > 0
      ? [sentence("true nuclei with a class found with that class", typed)]
      : []),
    `A and B agree on ${count(matched)} nuclei (F1 ${score(f1)})${classes}`,
  ];
}

/** Columns as wide as their widest cell, the first left-aligned, the others right-aligned. */
function align(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!)))
      .join("  ")
      .trimEnd(),
  );
}

const MARKS = { a: "A better", b: "B better" } as const;

function scoreRow(row: ScoreComparison): string[] {
  const better = decided(row);
  return [
    row.title,
    score(row.a),
    score(row.b),
    signed(row.difference.value),
    Number.isNaN(row.difference.value)
      ? ""
      : `${signed(row.difference.low)} to ${signed(row.difference.high)}`,
    better ? MARKS[better] : "",
  ];
}

/** The comparison for a terminal: warnings first, then scores, nuclei, curves and images. */
export function formatComparisonTable(comparison: FolderComparison): string {
  const { names, images, curve, warnings } = comparison;
  const { worstA, worstB, different } = tellingImages(images);
  const named = (list: readonly ComparedImage[], text: (image: ComparedImage) => string): string =>
    list.map((image) => `${image.name} (${text(image)})`).join(", ");
  const both = ({ a, b }: ComparedImage): string => `${score(a.pq)}, ${score(b.pq)}`;
  return [
    ...warnings.map((warning) => `warning: ${warning}`),
    ...(warnings.length > 0 ? [""] : []),
    `A  ${names[0]}`,
    `B  ${names[1]}`,
    "",
    compareVerdict(comparison),
    "",
    ...align([["score", "A", "B", "B − A", "95 % interval", ""], ...definedScores(comparison).map(scoreRow)]),
    "",
    ...pairedSentences(comparison),
    ...confusionTables(comparison).flatMap(({ title, table }) => [
      "",
      title,
      ...align([
        table.head,
        ...table.rows.map(({ name, counts }) => [
          name,
          ...counts.map((n) => (n === null ? "" : n.toLocaleString("en-US"))),
        ]),
      ]),
    ]),
    "",
    ...align([
      ["IoU above", "PQ A", "PQ B", "B − A", "F1 A", "F1 B", "B − A"],
      ...curve.map(({ threshold, pq, f1 }) => [
        threshold.toFixed(2),
        ...[pq, f1].flatMap((c) => [score(c.a), score(c.b), signed(c.difference.value)]),
      ]),
    ]),
    "",
    `worst images of A by PQ: ${named(worstA, ({ a }) => score(a.pq))}`,
    `worst images of B by PQ: ${named(worstB, ({ b }) => score(b.pq))}`,
    ...(different.length > 0 ? [`most different (PQ of A, of B): ${named(different, both)}`] : []),
    "",
  ].join("\n");
}

const orNull = (value: number): number | null => (Number.isNaN(value) ? null : value);

/** The comparison as a plain object for JSON; a value that is not defined is null. */
export function summaryOfComparison(comparison: FolderComparison): Record<string, unknown> {
  const { names, scheme, options, images, scores, curve, found, typed, warnings } = comparison;
  const plain = ({ a, b, difference }: ScoreComparison) => ({
    a: orNull(a),
    b: orNull(b),
    difference: orNull(difference.value),
    low: orNull(difference.low),
    high: orNull(difference.high),
  });
  const { worstA, worstB, different } = tellingImages(images);
  const namesOf = (list: readonly ComparedImage[]): string[] => list.map((image) => image.name);
  return {
    a: names[0],
    b: names[1],
    images: images.length,
    scores: Object.fromEntries(scores.map((row) => [row.key, plain(row)])),
    curve: curve.map(({ threshold, pq, f1 }) => ({ iou: threshold, pq: plain(pq), f1: plain(f1) })),
    confusion: {
      // Rows and columns of the matrices.
      labels: ["none", ...scheme.classes.map((c) => c.name), "without class"],
      truth_a: comparison.confusionA.counts,
      truth_b: comparison.confusionB.counts,
      a_b: comparison.agreement.counts,
    },
    found,
    typed,
    agreement: Object.fromEntries(
      Object.entries(agreementOf(comparison.agreement)).map(([key, value]) => [key, orNull(value)]),
    ),
    worst_a: namesOf(worstA),
    worst_b: namesOf(worstB),
    most_different: namesOf(different),
    options,
    warnings,
  };
}

/** One row per image: every score of A and B, `dice_a, dice_b, …`; empty where it is not defined. */
export function formatComparisonCsv({ images, scheme }: FolderComparison): string {
  const keys = classKeys(scheme);
  const columns: readonly (readonly [name: string, value: (m: ImageMetrics) => number])[] = [
    ["dice", (m) => m.dice],
    ["aji", (m) => m.aji],
    ["aji_plus", (m) => m.ajiPlus],
    ["dq", (m) => m.dq],
    ["sq", (m) => m.sq],
    ["pq", (m) => m.pq],
    ...keys.map((key, i) => [`pq_${key}`, (m: ImageMetrics) => m.classes[i]!.pq] as const),
    ["predicted", (m) => m.counts.tp + m.counts.fp],
    ["tp", (m) => m.counts.tp],
  ];
  const rows = images.map(({ name, a, b }): CsvValue[] => [
    name,
    a.counts.tp + a.counts.fn,
    ...columns.flatMap(([, value]) => [orNull(value(a)), orNull(value(b))]),
  ]);
  const header = ["image", "true", ...columns.flatMap(([name]) => [`${name}_a`, `${name}_b`])];
  return [...csvChunks(header, rows, { digits: 12 })].join("");
}
