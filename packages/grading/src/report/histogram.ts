/**
 * A small histogram as inline SVG: one outline per class over a common axis.
 *
 * @module
 */

/** One series of the histogram. */
export interface HistogramSeries {
  readonly label: string;
  readonly color: string;
  readonly values: readonly number[];
}

/** Rounds a positive number up to 1, 2, 2.5 or 5 times a power of ten. */
export function niceCeil(value: number): number {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  const factor = [1, 2, 2.5, 5, 10].find((f) => f * power >= value) ?? 10;
  return factor * power;
}

const BINS = 24;
const WIDTH = 420;
const HEIGHT = 150;
const LEFT = 36;
const BOTTOM = 28;

/** Draws the series as step lines of the share of each series per bin, from 0 to the 99th percentile of all values. */
export function histogramSvg(title: string, unit: string, series: readonly HistogramSeries[]): string {
  const all = series.flatMap((s) => s.values).sort((a, b) => a - b);
  const top = niceCeil(all[Math.floor(0.99 * (all.length - 1))] ?? 1);
  const shares = series.map((s) => {
    const bins = new Array<number>(BINS).fill(0);
    for (const v of s.values) {
      const bin = Math.min(BINS - 1, Math.floor((v / top) * BINS));
      bins[bin] = bins[bin]! + 1 / s.values.length;
    }
    return bins;
  });
  const peak = niceCeil(Math.max(...shares.flat(), 0.01) * 100) / 100;
  const x = (bin: number): string => (LEFT + (bin / BINS) * (WIDTH - LEFT - 8)).toFixed(1);
  const y = (share: number): string => (HEIGHT - BOTTOM - (share / peak) * (HEIGHT - BOTTOM - 10)).toFixed(1);
  const lines = shares.map((bins, i) => {
    const points = bins.flatMap((share, bin) => [`${x(bin)},${y(share)}`, `${x(bin + 1)},${y(share)}`]);
    return series[i]!.values.length === 0
      ? ""
      : `<polyline points="${x(0)},${y(0)} ${points.join(" ")} ${x(BINS)},${y(0)}" fill="none" stroke="${series[i]!.color}" stroke-width="1.5"><title>${series[i]!.label}</title></polyline>`;
  });
  const ticks = [0, 0.5, 1].map(
    (t) =>
      `<text x="${x(t * BINS)}" y="${HEIGHT - 12}" text-anchor="${t === 1 ? "end" : "middle"}">${Number((t * top).toPrecision(3))}</text>`,
  );
  return `<figure class="histogram"><figcaption>${title} <span>${unit}</span></figcaption><svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${title}, distribution per class">
<line x1="${x(0)}" y1="${y(0)}" x2="${x(BINS)}" y2="${y(0)}" class="axis"/>${lines.join("")}${ticks.join("")}
<text x="${LEFT - 6}" y="${y(peak)}" text-anchor="end" dominant-baseline="middle">${Math.round(peak * 100)} %</text><text x="${LEFT - 6}" y="${y(0)}" text-anchor="end" dominant-baseline="middle">0</text></svg></figure>`;
}
