/**
 * The comparison as one self-contained page.
 *
 * @module
 */
import type { Interval, ScoreComparison } from "@renograde/core";
import { escapeHtml, renderPage } from "@renograde/formats";
import type { FolderComparison } from "./compare.js";
import {
  type ConfusionTable,
  compareVerdict,
  confusionTables,
  decided,
  definedScores,
  pairedSentences,
  score,
  signed,
} from "./compare-output.js";
import type { ComparePicture } from "./compare-pictures.js";

const COLOR_A = "#3B82C4";
const COLOR_B = "#D98A00";

const STYLE = `<style>
.a{color:${COLOR_A}}.b{color:${COLOR_B}}
.plots,.matrices{display:flex;flex-wrap:wrap;gap:8px 40px}
.matrices td.same{background:var(--raised);font-weight:600}
.plots figure{margin:0;width:460px;max-width:100%}
svg text{fill:var(--dim);font:11px system-ui,sans-serif}
svg .axis{stroke:var(--line)}
.triple{display:grid;grid-template-columns:repeat(3,minmax(0,1fr));gap:8px;max-width:1100px}
.triple img{width:100%;image-rendering:pixelated;border:1px solid var(--line)}
td.plot{padding:0 8px}
td.plot svg{display:block}
td.plot .axis{stroke:var(--dim)}
.key{display:inline-block;width:10px;height:10px;margin-right:4px;border:1px solid rgba(0,0,0,.4)}
</style>`;

/** A difference with its interval around 0, drawn. */
function intervalSvg({ value, low, high }: Interval, reach: number): string {
  if (Number.isNaN(value)) return "";
  const x = (v: number): string => (80 + (76 * v) / reach).toFixed(1);
  const color = low > 0 ? COLOR_B : high < 0 ? COLOR_A : "currentColor";
  return `<svg width="160" height="14" viewBox="0 0 160 14" overflow="visible" aria-hidden="true"><line x1="80" y1="-6" x2="80" y2="20" class="axis"/><line x1="${x(low)}" y1="7" x2="${x(high)}" y2="7" stroke="${color}" stroke-width="2"/><circle cx="${x(value)}" cy="7" r="3" fill="${color}"/></svg>`;
}

function scoresSection(scores: readonly ScoreComparison[]): string {
  const ends = scores.flatMap(({ difference: d }) => [d.low, d.high]).filter((v) => !Number.isNaN(v));
  const reach = Math.max(1e-6, ...ends.map(Math.abs));
  const rows = scores.map((row) => {
    const { value, low, high } = row.difference;
    const better = decided(row);
    const mark = better === undefined ? "" : `<span class="${better}">${better.toUpperCase()} better</span>`;
    const interval = Number.isNaN(value) ? "" : `${signed(low)} to ${signed(high)}`;
    return `<tr><td>${escapeHtml(row.title)}</td><td>${score(row.a)}</td><td>${score(row.b)}</td><td>${signed(value)}</td><td>${interval}</td><td class="plot">${intervalSvg(row.difference, reach)}</td><td>${mark}</td></tr>`;
  });
  return `<section><h2>Scores</h2><div class="scroll"><table><thead><tr><th>score</th><th class="a">A</th><th class="b">B</th><th>B − A</th><th>95 % interval</th><th>← A better · B better →</th><th></th></tr></thead><tbody>${rows.join("")}</tbody></table></div>
<p class="note">Intervals: the same images are drawn with replacement for A and B. A score is marked where the interval leaves out 0; with so many scores about one in twenty is marked by chance.</p></section>`;
}

/** Two lines over IoU thresholds. */
function curveSvg(
  title: string,
  points: readonly { readonly x: number; readonly y: ScoreComparison }[],
): string {
  const [left, top, width, height] = [34, 8, 416, 190];
  const x = (v: number): string => (left + ((v - 0.5) / 0.45) * (width - 8)).toFixed(1);
  const y = (v: number): string => (top + (1 - v) * height).toFixed(1);
  const line = (side: "a" | "b", color: string, dash: string): string => {
    const known = points.filter((p) => !Number.isNaN(p.y[side]));
    return `<polyline points="${known.map((p) => `${x(p.x)},${y(p.y[side])}`).join(" ")}" fill="none" stroke="${color}" stroke-width="2"${dash}/>`;
  };
  const grid = [0, 0.25, 0.5, 0.75, 1].map(
    (v) =>
      `<line x1="${left}" x2="${left + width}" y1="${y(v)}" y2="${y(v)}" class="axis"/><text x="${left - 6}" y="${y(v)}" text-anchor="end" dominant-baseline="middle">${v}</text>`,
  );
  const ticks = [0.5, 0.6, 0.7, 0.8, 0.9].map(
    (v) => `<text x="${x(v)}" y="${top + height + 16}" text-anchor="middle">${v}</text>`,
  );
  return `<figure><figcaption>${title} over the IoU a match needs (<span class="a">A</span>, <span class="b">B dashed</span>)</figcaption><svg viewBox="0 0 ${left + width + 8} ${top + height + 24}" role="img" aria-label="${title} over IoU thresholds">${grid.join("")}${ticks.join("")}${line("a", COLOR_A, "")}${line("b", COLOR_B, ' stroke-dasharray="6 4"')}</svg></figure>`;
}

function curvesSection({ curve }: FolderComparison): string {
  const rows = curve.map(
    ({ threshold, pq, f1 }) =>
      `<tr><td>${threshold.toFixed(2)}</td>${[pq, f1].map((c) => `<td>${score(c.a)}</td><td>${score(c.b)}</td><td>${signed(c.difference.value)}</td><td>${Number.isNaN(c.difference.value) ? "" : `${signed(c.difference.low)} to ${signed(c.difference.high)}`}</td>`).join("")}</tr>`,
  );
  const head = ["PQ", "F1"].map(
    (name) => `<th class="a">${name} A</th><th class="b">${name} B</th><th>B − A</th><th>95 % interval</th>`,
  );
  return `<section><h2>Over IoU thresholds</h2><div class="plots">${curveSvg(
    "PQ",
    curve.map(({ threshold, pq }) => ({ x: threshold, y: pq })),
  )}${curveSvg(
    "F1",
    curve.map(({ threshold, f1 }) => ({ x: threshold, y: f1 })),
  )}</div><div class="scroll"><table><thead><tr><th>IoU above</th>${head.join("")}</tr></thead><tbody>${rows.join("")}</tbody></table></div></section>`;
}

function matrix(title: string, { head, rows }: ConfusionTable): string {
  const cells = rows.map(
    ({ name, counts }, i) =>
      `<tr><td>${escapeHtml(name)}</td>${counts.map((n, j) => (n === null ? "<td></td>" : `<td${i === j ? ' class="same"' : ""}>${n.toLocaleString("en-US")}</td>`)).join("")}</tr>`,
  );
  return `<figure><figcaption>${escapeHtml(title)}</figcaption><table><thead><tr>${head.map((name) => `<th>${escapeHtml(name)}</th>`).join("")}</tr></thead><tbody>${cells.join("")}</tbody></table></figure>`;
}

function nucleiSection(comparison: FolderComparison): string {
  const tables = confusionTables(comparison).map(({ title, table }) => matrix(title, table));
  const sentences = pairedSentences(comparison).map((sentence) => `<p>${escapeHtml(sentence)}.</p>`);
  return `<section><h2>Nucleus by nucleus</h2>${sentences.join("")}<div class="scroll"><div class="matrices">${tables.join("")}</div></div><p class="note">Nuclei are matched where their IoU is above ${comparison.options.iouThreshold}.</p></section>`;
}

function picturesSection(pictures: readonly ComparePicture[], { scheme, typed }: FolderComparison): string {
  if (pictures.length === 0) return "";
  const source = (bytes: Uint8Array): string =>
    `data:image/jpeg;base64,${Buffer.from(bytes).toString("base64")}`;
  const hasClasses = Object.values(typed).some((count) => count > 0);
  const legend = (hasClasses ? scheme.classes : [])
    .map((c) => `<span class="key" style="background:rgb(${c.color.join()})"></span>${escapeHtml(c.name)}`)
    .join(" &nbsp; ");
  const figures = pictures.map((picture) => {
    const name = escapeHtml(picture.name);
    const panels = (["truth", "a", "b"] as const).map((side) => {
      const title =
        side === "truth"
          ? "truth"
          : `<span class="${side}">${side.toUpperCase()}</span>, PQ ${score(picture.image[side].pq)}`;
      return `<div><img src="${source(picture[side])}" alt="${name}, ${side === "truth" ? "truth" : `prediction ${side.toUpperCase()}`}"><div class="note">${title}</div></div>`;
    });
    return `<figure><figcaption>${name}: ${picture.reason}; ${picture.side} px at (${picture.x}, ${picture.y})</figcaption><div class="triple">${panels.join("")}</div></figure>`;
  });
  return `<section><h2>Images to look at</h2><p class="note">Cut where the two differ most. ${legend}</p>${figures.join("")}</section>`;
}

function imagesSection({ images }: FolderComparison): string {
  const rows = [...images]
    .sort((x, y) => x.b.pq - x.a.pq - (y.b.pq - y.a.pq) || (x.name < y.name ? -1 : 1))
    .map(
      ({ name, a, b }) =>
        `<tr><td>${escapeHtml(name)}</td><td>${(a.counts.tp + a.counts.fn).toLocaleString("en-US")}</td>${(["dice", "aji", "pq"] as const).map((key) => `<td>${score(a[key])}</td><td>${score(b[key])}</td>`).join("")}<td>${signed(b.pq - a.pq)}</td></tr>`,
    );
  const head = ["Dice", "AJI", "PQ"].map(
    (name) => `<th class="a">${name} A</th><th class="b">${name} B</th>`,
  );
  return `<section><h2>Every image</h2><div class="scroll"><table><thead><tr><th>image</th><th>true nuclei</th>${head.join("")}<th>PQ B − A</th></tr></thead><tbody>${rows.join("")}</tbody></table></div></section>`;
}

/**
 * The page of a comparison.
 *
 * @param pictures - of `comparePictures`
 */
export function comparePage(comparison: FolderComparison, pictures: readonly ComparePicture[]): string {
  const { names, images, warnings } = comparison;
  const count = images.reduce((sum, { a }) => sum + a.counts.tp + a.counts.fn, 0);
  return renderPage({
    title: "Comparison",
    verdict: compareVerdict(comparison),
    facts: `A: ${names[0]} · B: ${names[1]} · ${images.length} images, ${count.toLocaleString("en-US")} true nuclei`,
    ...(warnings.length > 0 && { caution: warnings.map((warning) => `Note: ${warning}.`).join(" ") }),
    body: [
      STYLE,
      scoresSection(definedScores(comparison)),
      curvesSection(comparison),
      nucleiSection(comparison),
      picturesSection(pictures, comparison),
      imagesSection(comparison),
    ].join("\n"),
  });
}
