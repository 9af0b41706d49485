/**
 * Class names, colours and the cross-category tasks: the one source of truth for datasets, networks, metrics,
 * exports and reports (spec/data.md §6, spec/network.md §10).
 *
 * @module
 */
import { DataError } from "./errors.js";

/** One class of nuclei. Its id is its position in {@link ClassScheme.classes} plus one; 0 is background. */
export interface NucleusClass {
  readonly name: string;
  /** Short label for legends and columns. */
  readonly short: string;
  /** Plain RGB, 0…255, as written into files. */
  readonly color: readonly [number, number, number];
}

/** A merge of the classes: `merge[id]` is the channel of class `id` in the task; `merge[0]` is 0 (background). */
export interface ClassTask {
  readonly name: string;
  readonly merge: readonly number[];
}

/** Colours of classes that bring none, in turn; the first four are those of {@link RCC_CLASSES}. */
export const CLASS_COLORS: readonly (readonly [number, number, number])[] = [
  [0, 255, 0],
  [255, 255, 0],
  [255, 0, 0],
  [0, 0, 255],
  [255, 0, 255],
  [0, 255, 255],
  [255, 128, 0],
  [128, 0, 255],
];

/** The classes a model knows and the two easier tasks it learns on the way. */
export interface ClassScheme {
  readonly name: string;
  readonly classes: readonly NucleusClass[];
  /** Task 1 sees the 100x view, task 2 the 400x view. */
  readonly tasks: readonly [ClassTask, ClassTask];
}

/** Renal cell carcinoma, ISUP/WHO grades 1 to 3 and endothelial nuclei, with the paper's two tasks. */
export const RCC_CLASSES: ClassScheme = {
  name: "rcc-grade",
  classes: [
    { name: "Grade 1", short: "G1", color: [0, 255, 0] },
    { name: "Grade 2", short: "G2", color: [255, 255, 0] },
    { name: "Grade 3", short: "G3", color: [255, 0, 0] },
    { name: "Endothelial", short: "Endo", color: [0, 0, 255] },
  ],
  tasks: [
    { name: "G1+G2 | G3 (100x)", merge: [0, 1, 1, 2, 3] },
    { name: "G1 | G2+G3 (400x)", merge: [0, 1, 2, 2, 3] },
  ],
};

/** Number of output channels of a task, background included. */
export function taskChannels(task: ClassTask): number {
  return Math.max(...task.merge) + 1;
}

/** Checks a scheme read from outside; throws {@link DataError} with the first thing wrong. */
export function validateClassScheme(scheme: ClassScheme): ClassScheme {
  const n = scheme.classes.length;
  if (n < 1 || n > 254)
    throw new DataError(`class scheme "${scheme.name}": expected 1 to 254 classes, received ${n}`);
  const names = new Set(scheme.classes.map((c) => c.name));
  if (names.size !== n) throw new DataError(`class scheme "${scheme.name}": class names must differ`);
  for (const c of scheme.classes) {
    if (c.color.length !== 3 || c.color.some((v) => !Number.isInteger(v) || v < 0 || v > 255)) {
      throw new DataError(
        `class "${c.name}": colour must be three integers 0 to 255, received [${c.color.join(", ")}]`,
      );
    }
  }
  if (scheme.tasks.length !== 2) {
    throw new DataError(`class scheme "${scheme.name}": expected 2 tasks, received ${scheme.tasks.length}`);
  }
  for (const task of scheme.tasks) {
    if (task.merge.length !== n + 1 || task.merge[0] !== 0) {
      throw new DataError(
        `task "${task.name}": the merge table must have ${n + 1} entries and start with 0 (background), received [${task.merge.join(", ")}]`,
      );
    }
    const used = new Set(task.merge);
    const top = Math.max(...task.merge);
    if (
      task.merge.some((v) => !Number.isInteger(v) || v < 0) ||
      used.size !== top + 1 ||
      task.merge.slice(1).includes(0)
    ) {
      throw new DataError(
        `task "${task.name}": merged ids must be 1 to ${top} without gaps for every class, received [${task.merge.join(", ")}]`,
      );
    }
  }
  return scheme;
}

/** Ids of the classes that are grades, named `Grade 1`, `Grade 2`, …, lowest grade first; none in other schemes. */
export function gradeIds(scheme: ClassScheme): number[] {
  const grades = scheme.classes.flatMap((c, i) => {
    const match = /^grade (\d+)$/i.exec(c.name);
    return match ? [{ id: i + 1, grade: Number(match[1]) }] : [];
  });
  return grades.sort((a, b) => a.grade - b.grade).map((g) => g.id);
}
