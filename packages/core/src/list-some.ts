/**
 * Long lists in short sentences.
 *
 * @module
 */

/**
 * The first `most` items, and how many more there are: `a, b and 4 more`, or `x; y; and 4 more`.
 *
 * @param separator - `"; "` for items that are phrases
 */
export function listSome(items: readonly string[], most: number, separator: ", " | "; " = ", "): string {
  const shown = items.slice(0, most).join(separator);
  if (items.length <= most) return shown;
  return `${shown}${separator === ", " ? " " : separator}and ${items.length - most} more`;
}
