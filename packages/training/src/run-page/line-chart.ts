/**
 * Curves as inline SVG: axes with round ticks, lines that may be smoothed over their raw values, marks, and a tooltip
 * per column. Colours come from the page, so that the charts follow its theme.
 *
 * @module
 */
import { escapeHtml } from "@renograde/formats";
import { axisTicks, formatNumber } from "./ticks.js";

/** One line. */
export interface ChartSeries {
  readonly name: string;
  /** One value per x; null where there is none. */
  readonly values: readonly (number | null)[];
  /** CSS colour. */
  readonly color: string;
}

/** A chart. */
export interface LineChart {
  readonly title: string;
  /** Quantity and unit of each axis. */
  readonly xLabel: string;
  readonly yLabel: string;
  /** Ascending. */
  readonly x: readonly number[];
  readonly series: readonly ChartSeries[];
  /** Ends of the y axis; default: those of the values, with 0 where it is near. */
  readonly yRange?: readonly [number, number];
  /** Draw a smoothed line over the raw one. */
  readonly smooth?: boolean;
  /** Vertical lines. */
  readonly marks?: readonly { readonly x: number; readonly label: string }[];
  /** A point that stands out. */
  readonly best?: { readonly x: number; readonly y: number; readonly label: string };
}

const WIDTH = 460;
const HEIGHT = 210;
const LEFT = 46;
const RIGHT = 12;
const TOP = 22;
const BOTTOM = 36;
/** Columns a line is drawn with at most. */
const COLUMNS = 240;

/** Styles of the charts, for the page that holds them. */
export const CHART_STYLE = `
.charts{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,440px),1fr));gap:16px 24px}
.chart h3{font-size:13px;font-weight:600;margin:0 0 2px}
.chart{margin:0;max-width:580px;break-inside:avoid}
.chart svg{display:block;width:100%;font:10px system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
.chart text{fill:var(--dim)}
.chart .grid{stroke:var(--line);stroke-width:1}
.chart .mark{stroke:var(--dim);stroke-width:1;stroke-dasharray:2 3}
.chart .line{fill:none;stroke-width:1.6;stroke-linejoin:round;stroke-linecap:round}
.chart .raw{opacity:.3;stroke-width:1}
.chart .best{fill:var(--page);stroke-width:1.6}
.chart .best+text{fill:var(--text)}
.chart .column{fill:transparent}
.chart .column:hover{fill:var(--dim);fill-opacity:.18}
.legend{display:flex;flex-wrap:wrap;gap:0 14px;font-size:11px;color:var(--dim)}
.legend span{white-space:nowrap}
.legend i{display:inline-block;width:12px;height:2px;margin:0 5px 3px 0;vertical-align:middle;print-color-adjust:exact;-webkit-print-color-adjust:exact}
.legend b{font-weight:400;color:var(--text)}
@media print{.charts{grid-template-columns:repeat(3,1fr)}}
`;

const isNumber = (value: number | null | undefined): value is number => Number.isFinite(value);

function meanOf(values: readonly (number | null)[]): number | null {
  const numbers = values.filter(isNumber);
  return numbers.length === 0 ? null : numbers.reduce((a, b) => a + b, 0) / numbers.length;
}

/**
 * Moving average whose weight falls off exponentially over some twenty-fifth of the values; unbiased at the start.
 */
export function smoothed(values: readonly (number | null)[]): (number | null)[] {
  const keep = 1 - 2 / (Math.max(4, values.length / 25) + 1);
  let sum = 0;
  let weight = 0;
  return values.map((value) => {
    if (!isNumber(value)) return null;
    sum = keep * sum + (1 - keep) * value;
    weight = keep * weight + (1 - keep);
    return sum / weight;
  });
}

/** At most {@link COLUMNS} columns, each the mean of its part; `x` is that of its last value. */
function reduceColumns(x: readonly number[], lines: readonly (readonly (number | null)[])[]) {
  const each = Math.ceil(x.length / COLUMNS);
  const starts = Array.from({ length: Math.ceil(x.length / each) || 0 }, (_, i) => i * each);
  return {
    x: starts.map((at) => x[Math.min(at + each, x.length) - 1]!),
    lines: lines.map((values) => starts.map((at) => meanOf(values.slice(at, at + each)))),
  };
}

function yAxis(chart: LineChart, lines: readonly (readonly (number | null)[])[]): readonly [number, number] {
  if (chart.yRange !== undefined) return chart.yRange;
  const values = lines.flat().filter(isNumber);
  if (values.length === 0) return [0, 1];
  const [low, high] = [Math.min(...values), Math.max(...values)];
  if (low === high) return low === 0 ? [0, 1] : [Math.min(0, 2 * low), Math.max(0, 2 * high)];
  return [low > 0 && low < 0.5 * high ? 0 : low, high];
}

/** Path through the points that have a value; a point alone becomes a dot. */
function linePath(xs: readonly number[], ys: readonly (number | null)[]): string {
  const points = ys.flatMap((y, i) => (isNumber(y) ? [`${xs[i]!.toFixed(1)} ${y.toFixed(1)}`] : []));
  return points.length === 1
    ? `M${points[0]}h.01`
    : points.map((p, i) => `${i === 0 ? "M" : "L"}${p}`).join("");
}

/** The chart as a figure: title, SVG, legend with the latest values. */
export function lineChart(chart: LineChart): string {
  const { x: all, series, smooth = false, best } = chart;
  const trends = smooth ? series.map(({ values }) => smoothed(values)) : [];
  const { x, lines } = reduceColumns(all, [...series.map(({ values }) => values), ...trends]);
  const raw = lines.slice(0, series.length);
  const xTicks = axisTicks(x[0] ?? 0, x.at(-1) ?? 1, 8, { whole: true });
  const [xFrom, xTo] = [x[0] ?? 0, Math.max(x.at(-1) ?? 1, (x[0] ?? 0) + 1)];
  const [low, high] = yAxis(chart, lines);
  const yTicks = axisTicks(low, high, 5);
  const [yFrom, yTo] = [Math.min(low, yTicks[0] ?? low), Math.max(high, yTicks.at(-1) ?? high)];
  const right = WIDTH - RIGHT;
  const bottom = HEIGHT - BOTTOM;
  const px = (value: number) => LEFT + ((value - xFrom) / (xTo - xFrom)) * (right - LEFT);
  const py = (value: number) => bottom - ((value - yFrom) / (yTo - yFrom)) * (bottom - TOP);
  const xs = x.map(px);
  const path = (values: readonly (number | null)[], color: string, kind: string) =>
    `<path class="line${kind}" stroke="${color}" d="${linePath(
      xs,
      values.map((v) => (isNumber(v) ? py(v) : null)),
    )}"/>`;

  const parts: string[] = [];
  for (const tick of yTicks) {
    const y = py(tick).toFixed(1);
    parts.push(
      `<line class="grid" x1="${LEFT}" x2="${right}" y1="${y}" y2="${y}"/><text x="${LEFT - 6}" y="${y}" dy="3" text-anchor="end">${formatNumber(tick)}</text>`,
    );
  }
  for (const tick of xTicks) {
    parts.push(
      `<text x="${px(tick).toFixed(1)}" y="${bottom + 14}" text-anchor="middle">${formatNumber(tick)}</text>`,
    );
  }
  parts.push(
    `<text x="${right}" y="${HEIGHT - 6}" text-anchor="end">${escapeHtml(chart.xLabel)}</text>`,
    `<text x="0" y="9">${escapeHtml(chart.yLabel)}</text>`,
  );
  for (const mark of chart.marks ?? []) {
    if (mark.x < xFrom || mark.x > xTo) continue;
    const at = px(mark.x).toFixed(1);
    parts.push(
      `<line class="mark" x1="${at}" x2="${at}" y1="${TOP}" y2="${bottom}"/><text x="${at}" y="${TOP}" dx="3" dy="8">${escapeHtml(mark.label)}</text>`,
    );
  }
  for (const [i, { color }] of series.entries()) parts.push(path(raw[i]!, color, smooth ? " raw" : ""));
  for (const [i, { color }] of series.entries()) {
    if (smooth) parts.push(path(lines[series.length + i]!, color, ""));
  }
  if (best !== undefined) {
    const at = px(best.x);
    const side = at > (LEFT + right) / 2 ? 'dx="-7" text-anchor="end"' : 'dx="7"';
    parts.push(
      `<circle class="best" stroke="var(--text)" cx="${at.toFixed(1)}" cy="${py(best.y).toFixed(1)}" r="4"/><text x="${at.toFixed(1)}" y="${py(best.y).toFixed(1)}" ${side} dy="-6">${escapeHtml(best.label)}</text>`,
    );
  }
  for (const [i, at] of xs.entries()) {
    const from = i === 0 ? LEFT : (xs[i - 1]! + at) / 2;
    const to = i === xs.length - 1 ? right : (at + xs[i + 1]!) / 2;
    const values = series.map(({ name }, s) => `${name} ${formatNumber(raw[s]![i] ?? Number.NaN)}`);
    const text = [`${chart.xLabel} ${x[i]}`, ...values].join("\n");
    parts.push(
      `<rect class="column" x="${from.toFixed(1)}" y="${TOP}" width="${(to - from).toFixed(1)}" height="${bottom - TOP}"><title>${escapeHtml(text)}</title></rect>`,
    );
  }
  const legend = series.map(({ name, color, values }) => {
    const last = values.findLast(isNumber);
    return `<span><i style="background:${color}"></i>${escapeHtml(name)} <b>${formatNumber(last ?? Number.NaN)}</b></span>`;
  });
  return `<figure class="chart"><h3>${escapeHtml(chart.title)}</h3><svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escapeHtml(chart.title)}">${parts.join("")}</svg><div class="legend">${legend.join("")}</div></figure>`;
}
