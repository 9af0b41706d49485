/**
 * The fields of an image: a grid of squares ranked by how high their grade is, the way a pathologist looks for
 * the worst high-power field.
 *
 * @module
 */
import type { Nucleus } from "@renograde/core";
import type { ReportField } from "./payload.js";

/** Side of a field in micrometres: one 512 px patch at 0.25 µm/px. */
export const FIELD_UM = 128;
/** Fields with fewer tumour nuclei are not ranked: a share of three nuclei says nothing. */
export const FIELD_MIN_NUCLEI = 10;

/**
 * Counts the nuclei of each field by class and ranks the fields: the largest share of the highest class of
 * `gradeIds`, then of the next lower one, first. A nucleus belongs to the field its centroid lies in.
 *
 * @param gradeIds - class ids that are grades, lowest grade first; shares are among these
 * @returns fields with at least {@link FIELD_MIN_NUCLEI} graded nuclei
 */
export function rankFields(
  image: { width: number; height: number; mpp: number },
  nuclei: readonly Nucleus[],
  classCount: number,
  gradeIds: readonly number[],
): ReportField[] {
  const side = Math.max(1, Math.round(FIELD_UM / image.mpp));
  const columns = Math.max(1, Math.ceil(image.width / side));
  const rows = Math.max(1, Math.ceil(image.height / side));
  const counts = Array.from({ length: rows * columns }, () => new Array<number>(classCount).fill(0));
  for (const nucleus of nuclei) {
    if (nucleus.type < 1) continue;
    const column = Math.min(columns - 1, Math.floor(nucleus.centroid[0] / side));
    const row = Math.min(rows - 1, Math.floor(nucleus.centroid[1] / side));
    const cell = counts[row * columns + column]!;
    cell[nucleus.type - 1] = cell[nucleus.type - 1]! + 1;
  }
  const graded = (field: ReportField): number => gradeIds.reduce((sum, id) => sum + field.counts[id - 1]!, 0);
  return counts
    .map((cell, index) => {
      const x = (index % columns) * side;
      const y = Math.floor(index / columns) * side;
      return {
        x,
        y,
        width: Math.min(side, image.width - x),
        height: Math.min(side, image.height - y),
        counts: cell,
      };
    })
    .filter((field) => graded(field) >= FIELD_MIN_NUCLEI)
    .sort((a, b) => {
      for (let i = gradeIds.length - 1; i > 0; i--) {
        const id = gradeIds[i]!;
        const difference = b.counts[id - 1]! / graded(b) - a.counts[id - 1]! / graded(a);
        if (difference !== 0) return difference;
      }
      return a.y - b.y || a.x - b.x;
    });
}
