/**
 * Letters of 5 × 7 pixels for pictures, so that a caption looks the same on every machine.
 *
 * @module
 */

/** Width and height of a glyph, and from one glyph to the next. */
const WIDTH = 5;
const HEIGHT = 7;
const ADVANCE = 6;

/** Rows of five bits per glyph, top first, the left pixel the highest bit; an eighth row hangs below the line. */
const GLYPHS: Readonly<Record<string, readonly number[]>> = {
  A: [14, 17, 17, 31, 17, 17, 17],
  B: [30, 17, 17, 30, 17, 17, 30],
  C: [14, 17, 16, 16, 16, 17, 14],
  D: [30, 17, 17, 17, 17, 17, 30],
  E: [31, 16, 16, 30, 16, 16, 31],
  F: [31, 16, 16, 30, 16, 16, 16],
  G: [14, 17, 16, 23, 17, 17, 15],
  H: [17, 17, 17, 31, 17, 17, 17],
  I: [14, 4, 4, 4, 4, 4, 14],
  J: [7, 2, 2, 2, 2, 18, 12],
  K: [17, 18, 20, 24, 20, 18, 17],
  L: [16, 16, 16, 16, 16, 16, 31],
  M: [17, 27, 21, 21, 17, 17, 17],
  N: [17, 25, 21, 19, 17, 17, 17],
  O: [14, 17, 17, 17, 17, 17, 14],
  P: [30, 17, 17, 30, 16, 16, 16],
  Q: [14, 17, 17, 17, 21, 18, 13],
  R: [30, 17, 17, 30, 20, 18, 17],
  S: [15, 16, 16, 14, 1, 1, 30],
  T: [31, 4, 4, 4, 4, 4, 4],
  U: [17, 17, 17, 17, 17, 17, 14],
  V: [17, 17, 17, 17, 17, 10, 4],
  W: [17, 17, 17, 21, 21, 27, 17],
  X: [17, 17, 10, 4, 10, 17, 17],
  Y: [17, 17, 10, 4, 4, 4, 4],
  Z: [31, 1, 2, 4, 8, 16, 31],
  a: [0, 0, 14, 1, 15, 17, 15],
  b: [16, 16, 30, 17, 17, 17, 30],
  c: [0, 0, 14, 17, 16, 17, 14],
  d: [1, 1, 15, 17, 17, 17, 15],
  e: [0, 0, 14, 17, 31, 16, 14],
  f: [6, 8, 8, 28, 8, 8, 8],
  g: [0, 0, 15, 17, 17, 15, 1, 14],
  h: [16, 16, 22, 25, 17, 17, 17],
  i: [4, 0, 12, 4, 4, 4, 14],
  j: [2, 0, 6, 2, 2, 18, 12],
  k: [16, 16, 18, 20, 24, 20, 18],
  l: [12, 4, 4, 4, 4, 4, 14],
  m: [0, 0, 26, 21, 21, 21, 21],
  n: [0, 0, 22, 25, 17, 17, 17],
  o: [0, 0, 14, 17, 17, 17, 14],
  p: [0, 0, 30, 17, 17, 30, 16, 16],
  q: [0, 0, 15, 17, 17, 15, 1, 1],
  r: [0, 0, 22, 25, 16, 16, 16],
  s: [0, 0, 15, 16, 14, 1, 30],
  t: [8, 8, 28, 8, 8, 9, 6],
  u: [0, 0, 17, 17, 17, 19, 13],
  v: [0, 0, 17, 17, 17, 10, 4],
  w: [0, 0, 17, 17, 21, 21, 10],
  x: [0, 0, 17, 10, 4, 10, 17],
  y: [0, 0, 17, 17, 17, 15, 1, 14],
  z: [0, 0, 31, 2, 4, 8, 31],
  "0": [14, 17, 19, 21, 25, 17, 14],
  "1": [4, 12, 4, 4, 4, 4, 14],
  "2": [14, 17, 1, 6, 8, 16, 31],
  "3": [31, 2, 4, 2, 1, 17, 14],
  "4": [2, 6, 10, 18, 31, 2, 2],
  "5": [31, 16, 30, 1, 1, 17, 14],
  "6": [6, 8, 16, 30, 17, 17, 14],
  "7": [31, 1, 2, 4, 8, 8, 8],
  "8": [14, 17, 17, 14, 17, 17, 14],
  "9": [14, 17, 17, 15, 1, 2, 12],
  ".": [0, 0, 0, 0, 0, 12, 12],
  ",": [0, 0, 0, 0, 12, 4, 8],
  ":": [0, 12, 12, 0, 12, 12, 0],
  ";": [0, 12, 12, 0, 12, 4, 8],
  "-": [0, 0, 0, 31, 0, 0, 0],
  "–": [0, 0, 0, 31, 0, 0, 0],
  _: [0, 0, 0, 0, 0, 0, 31],
  "+": [0, 4, 4, 31, 4, 4, 0],
  "=": [0, 0, 31, 0, 31, 0, 0],
  "/": [0, 1, 2, 4, 8, 16, 0],
  "|": [4, 4, 4, 4, 4, 4, 4],
  "(": [2, 4, 8, 8, 8, 4, 2],
  ")": [8, 4, 2, 2, 2, 4, 8],
  "%": [24, 25, 2, 4, 8, 19, 3],
  "×": [0, 17, 10, 4, 10, 17, 0],
  "·": [0, 0, 0, 12, 12, 0, 0],
  "°": [12, 18, 18, 12, 0, 0, 0],
  "±": [4, 4, 31, 4, 4, 0, 31],
  µ: [0, 17, 17, 17, 19, 29, 16],
  " ": [0, 0, 0, 0, 0, 0, 0],
};

/** Characters without a glyph. */
const UNKNOWN: readonly number[] = [31, 17, 17, 17, 17, 17, 31];

/** Width of a text in pixels at a size of `scale` pixels per dot. */
export function textWidth(text: string, scale: number): number {
  return Math.max(0, [...text].length * ADVANCE - (ADVANCE - WIDTH)) * scale;
}

/** Height of a text in pixels. */
export function textHeight(scale: number): number {
  return HEIGHT * scale;
}

/** The words in lines that fit into `width` pixels, joined by `between`; a word that is longer is cut. */
export function wrapWords(words: readonly string[], between: string, width: number, scale: number): string[] {
  const lines: string[] = [];
  for (const word of words) {
    const joined = lines.length === 0 ? word : `${lines.at(-1)}${between}${word}`;
    if (lines.length > 0 && textWidth(joined, scale) <= width) lines[lines.length - 1] = joined;
    else lines.push(fitText(word, width, scale));
  }
  return lines;
}

/** The text, its end replaced by two dots where it is wider than `width` pixels. */
export function fitText(text: string, width: number, scale: number): string {
  if (textWidth(text, scale) <= width) return text;
  let kept = text;
  while (kept !== "" && textWidth(`${kept}..`, scale) > width) kept = kept.slice(0, -1);
  return `${kept}..`;
}

/** Calls `dot` with the position of every set dot of a text, in dots from its top left corner. */
export function forEachDot(text: string, dot: (x: number, y: number) => void): void {
  for (const [index, character] of [...text].entries()) {
    const rows = GLYPHS[character] ?? UNKNOWN;
    for (const [y, row] of rows.entries()) {
      for (let x = 0; x < WIDTH; x++) {
        if ((row >> (WIDTH - 1 - x)) & 1) dot(index * ADVANCE + x, y);
      }
    }
  }
}
