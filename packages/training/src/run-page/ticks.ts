/**
 * Round numbers for axes, and how numbers are written there.
 *
 * @module
 */

/**
 * Round values from `low` to `high`: multiples of 1, 2 or 5 times a power of ten, about `count` of them; the first
 * and the last may lie just outside, so that they enclose the range, but for whole axes, where they lie within.
 */
export function axisTicks(
  low: number,
  high: number,
  count: number,
  { whole = false }: { readonly whole?: boolean } = {},
): number[] {
  if (!(high > low)) return [low];
  const rough = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const factor = [1, 2, 5].find((f) => f * power >= rough * 0.99) ?? 10;
  const step = whole ? Math.max(1, factor * power) : factor * power;
  const first = whole ? Math.ceil(low / step) : Math.floor(low / step + 1e-9);
  const last = whole ? Math.floor(high / step) : Math.ceil(high / step - 1e-9);
  // Multiplication leaves dust such as 0.30000000000000004.
  return Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}

/** Up to four significant digits; thousands in groups, small numbers with an exponent; – for what is no number. */
export function formatNumber(value: number): string {
  if (!Number.isFinite(value)) return "–";
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size < 1e-3)
    return value
      .toExponential(3)
      .replace(/\.?0+e/, "e")
      .replace("e-", "e−")
      .replace(/^-/, "−");
  const text = size >= 1000 ? Math.round(value).toLocaleString("en-US") : `${Number(value.toPrecision(4))}`;
  return text.replace(/^-/, "−");
}

/** Seconds as a reader says them. */
export function formatTime(seconds: number): string {
  if (!Number.isFinite(seconds)) return "–";
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes} min ${`${whole % 60}`.padStart(2, "0")} s`;
  return `${Math.floor(minutes / 60)} h ${`${minutes % 60}`.padStart(2, "0")} min`;
}
