/**
 * The flood of the watershed: scikit-image's heap where its ties decide, and one component after the other, in the
 * processor's cache, everywhere else. Internal to post-processing.
 *
 * All marker pixels enter with age 0, and equal keys leave a binary heap in an order that only the same heap
 * reproduces. That order matters little, by two facts about one 4-connected component of the mask:
 *
 * 1. What lies elsewhere acts on a component only through the order of its own tied marker pixels: everything else
 *    leaves by value, then age, and ages count up as pixels are reached.
 * 2. Exchanging pixels of the same label that follow each other in the queue of one value changes no label. While
 *    they are worked off, with every lower pixel they lead to, all that is reached gets that label, and which
 *    pixels that are does not depend on their order; they enter every queue behind one another again.
 *
 * So ties count only between marker pixels of one component and one value that carry different labels and have a
 * neighbour to reach, and only where another order would change a label, which two floods per label tell
 * (flood-component.ts): the contested ones (flood-heap.ts). The heap runs until the last of those has left, usually
 * when the markers are worked off. Then each component is finished by itself; one with a single label just takes it.
 * Values that are not bytes hardly ever tie: where none does, each component has a heap of its own, elsewhere one heap
 * runs to the end.
 *
 * @module
 */
import { ShapeError } from "../errors.js";
import type { WatershedTies } from "../post-options.js";
import { dropEnclosed, FloodLists, hasTies, RoleTable, uncontest } from "./flood-component.js";
import { type FloodField, Role, runHeap } from "./flood-heap.js";
import { labelPixels } from "./framed.js";
import { BYTE_HEAP_AGES, ByteHeap, type TieHeap, WideHeap } from "./tie-heaps.js";
import type { Workspace } from "./workspace.js";

const MAX_PIXELS = 2 ** 26;

/** Instead of a label: the component has markers of several. */
const SEVERAL = -1;

/**
 * Floods framed labels in place.
 *
 * @param relief - framed, no NaN at the listed pixels; consumed
 * @param labels - framed: marker ids and 0 inside the mask, −1 outside
 * @param pixels - the mask's pixels, those of a component in raster order
 * @param sources - the marker pixels, those of a component in raster order
 * @param inOrder - the marker pixels in raster order of the image, asked for when a heap must order them all
 * @throws ShapeError when the mask has more than 2^26 pixels
 */
export function flood(
  relief: Uint8Array | Float64Array,
  labels: Int32Array,
  stride: number,
  pixels: Int32Array,
  count: number,
  sources: Int32Array,
  sourceCount: number,
  inOrder: () => Int32Array,
  ties: WatershedTies,
  workspace: Workspace,
): void {
  if (count > MAX_PIXELS) {
    throw new ShapeError(
      `mask of the watershed has ${count} pixels, more than ${MAX_PIXELS}; cut it into tiles`,
    );
  }
  const components = workspace.int32("flood.components", labels.length).fill(0);
  const n = labelPixels(pixels, count, stride, 4, components, workspace);
  const starts = new Int32Array(n + 2);
  for (let i = 0; i < sourceCount; i++) starts[components[sources[i]!]! + 1]!++;
  for (let c = 1; c <= n + 1; c++) starts[c]! += starts[c - 1]!;
  const grouped = workspace.int32("flood.grouped", sourceCount);
  const fill = starts.slice();
  for (let i = 0; i < sourceCount; i++) grouped[fill[components[sources[i]!]!]!++] = sources[i]!;

  const common = new Int32Array(n + 1);
  for (let c = 1; c <= n; c++) common[c] = commonLabel(labels, grouped, starts[c]!, starts[c + 1]!);

  const roles = workspace.uint8("flood.roles", labels.length);
  const field: FloodField = { relief, labels, stride, roles, rising: ties === "skimage-0.25.2" };
  const parts: FloodParts = { components, starts, common, inOrder, sourceCount, grouped };
  const narrow = relief instanceof Uint8Array && count < BYTE_HEAP_AGES;
  const heap = narrow ? new ByteHeap(count, workspace) : new WideHeap(count, workspace);
  const reached = workspace.int32("flood.reached", count + 1);
  if (relief instanceof Uint8Array) {
    const next = workspace.int32("flood.next", labels.length);
    const lists = new FloodLists(next, workspace.int32("flood.claimed", count), n);
    floodBytes(field, relief, parts, ties === "component", heap, reached, lists);
  } else {
    floodFloats(field, relief, parts, ties === "component", heap, reached);
  }
  for (let i = 0; i < count; i++) {
    const label = common[components[pixels[i]!]!]!;
    if (label > 0) labels[pixels[i]!] = label;
  }
}

/** The components 1…n of the mask and their marker pixels. */
interface FloodParts {
  /** Framed. */
  readonly components: Int32Array;
  /** Component c has the entries `starts[c]` … `starts[c + 1] − 1` of {@link grouped}. */
  readonly starts: Int32Array;
  /** The label of all marker pixels of a component, or {@link SEVERAL}, or 0. */
  readonly common: Int32Array;
  /** Marker pixels by component, and in raster order. */
  readonly grouped: Int32Array;
  readonly inOrder: () => Int32Array;
  readonly sourceCount: number;
}

function floodBytes(
  field: FloodField,
  relief: Uint8Array,
  { components, starts, common, inOrder, sourceCount, grouped }: FloodParts,
  apart: boolean,
  heap: TieHeap,
  reached: Int32Array,
  lists: FloodLists,
): void {
  const table = new RoleTable();
  const contested = new Float64Array(common.length);
  let allContested = 0;
  for (let c = 1; c < common.length; c++) {
    if (common[c] !== SEVERAL) continue;
    const [from, to] = [starts[c]!, starts[c + 1]!];
    contested[c] = table.assign(field, relief, grouped, from, to);
    if (!apart && contested[c]! > 0 && lists.isSettled(field, grouped, from, to)) {
      uncontest(field, grouped, from, to);
      contested[c] = 0;
    }
    allContested += contested[c]!;
  }
  if (!apart && allContested > 0) {
    // The heap of the image takes all marker pixels, those of the other components too.
    for (let c = 1; c < common.length; c++) {
      if (common[c] !== SEVERAL) table.assign(field, relief, grouped, starts[c]!, starts[c + 1]!);
    }
    const age = runHeap(field, inOrder(), 0, sourceCount, allContested, heap, reached);
    lists.group(reached, age, components);
  }
  for (let c = 1; c < common.length; c++) {
    if (common[c] !== SEVERAL) continue;
    const [from, to] = [starts[c]!, starts[c + 1]!];
    if (apart && contested[c]! > 0) {
      const age = runHeap(field, grouped, from, to, contested[c]!, heap, reached);
      lists.group(reached, age, components);
    }
    lists.finish(field, grouped, from, to, c);
  }
}

function floodFloats(
  field: FloodField,
  relief: Float64Array,
  { starts, common, inOrder, sourceCount, grouped }: FloodParts,
  apart: boolean,
  heap: TieHeap,
  reached: Int32Array,
): void {
  for (let i = 0; i < sourceCount; i++) field.roles[grouped[i]!] = Role.active;
  const tied = common.map((label, c) =>
    label === SEVERAL && hasTies(field, relief, grouped, starts[c]!, starts[c + 1]!) ? 1 : 0,
  );
  if (!apart && tied.includes(1)) {
    runHeap(field, inOrder(), 0, sourceCount, Infinity, heap, reached);
    return;
  }
  for (let c = 1; c < common.length; c++) {
    if (common[c] !== SEVERAL) continue;
    const from = starts[c]!;
    // Without ties the pixels that reach nothing do not matter either.
    const to = tied[c] === 1 ? starts[c + 1]! : dropEnclosed(field, grouped, from, starts[c + 1]!);
    runHeap(field, grouped, from, to, Infinity, heap, reached);
  }
}

/** The label of all listed marker pixels, {@link SEVERAL} when they differ, 0 when there are none. */
function commonLabel(labels: Int32Array, sources: Int32Array, from: number, to: number): number {
  if (from === to) return 0;
  const label = labels[sources[from]!]!;
  for (let i = from + 1; i < to; i++) if (labels[sources[i]!] !== label) return SEVERAL;
  return label;
}
