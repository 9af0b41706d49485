/**
 * The eight ways to lay a square on itself: turns by quarters, with and without mirroring.
 *
 * @module
 */

/** x' = a·x + b·y, y' = c·x + d·y, y pointing down. */
export interface Orientation {
  readonly a: number;
  readonly b: number;
  readonly c: number;
  readonly d: number;
  /** For people; empty for the identity. */
  readonly name: string;
}

/** All eight, the identity first. */
export const ORIENTATIONS: readonly Orientation[] = [
  { a: 1, b: 0, c: 0, d: 1, name: "" },
  { a: 0, b: -1, c: 1, d: 0, name: "turned clockwise" },
  { a: -1, b: 0, c: 0, d: -1, name: "turned by 180 degrees" },
  { a: 0, b: 1, c: -1, d: 0, name: "turned anticlockwise" },
  { a: -1, b: 0, c: 0, d: 1, name: "mirrored left to right" },
  { a: 1, b: 0, c: 0, d: -1, name: "mirrored top to bottom" },
  { a: 0, b: 1, c: 1, d: 0, name: "mirrored along the diagonal" },
  { a: 0, b: -1, c: -1, d: 0, name: "mirrored along the other diagonal" },
];
