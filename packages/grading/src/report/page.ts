/**
 * Puts the report's page together: verdict first, then fields, distributions, tables, method and model card.
 *
 * @module
 */
import { type ClassScheme, gradeIds } from "@renograde/core";
import { type ModelMetadata, tuningText } from "@renograde/formats";
import { FIELD_MIN_NUCLEI, FIELD_UM } from "./fields.js";
import { histogramSvg } from "./histogram.js";
import { methodText } from "./method-text.js";
import type { ReportClass, ReportImage, ReportPayload } from "./payload.js";
import { REPORT_STYLE } from "./style.js";

/** What the page says beside the images. */
export interface ReportPageInput {
  readonly images: readonly ReportImage[];
  readonly payload: ReportPayload;
  readonly scheme: ClassScheme;
  /** Absent where maps were post-processed without their model. */
  readonly model?: ModelMetadata;
  /** The engine in words. */
  readonly engine: string;
  /** Stain normalisation before the network, in words. */
  readonly stainNorm?: string;
  /** `2026-11-23`. */
  readonly date: string;
  readonly version: string;
  /** Images that failed, with their sentence. */
  readonly failures: readonly { readonly name: string; readonly message: string }[];
  /** The compiled script of the page. */
  readonly script: string;
}

/** Text as HTML. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
}

const number = (value: number): string => value.toLocaleString("en");
const percent = (part: number, whole: number): string =>
  whole === 0 ? "–" : `${((100 * part) / whole).toFixed(part / whole < 0.1 ? 1 : 0)} %`;
/** JSON inside a script element: `<` must not close it. */
const json = (value: unknown): string => JSON.stringify(value).replace(/</g, "\\u003c");

function countTypes(images: readonly ReportImage[], classCount: number): number[] {
  const counts = new Array<number>(classCount + 1).fill(0);
  for (const image of images) for (const type of image.nuclei.type) counts[type] = counts[type]! + 1;
  return counts;
}

const counted = (nuclei: number): string => `${number(nuclei)} ${nuclei === 1 ? "nucleus" : "nuclei"}`;

/** The one sentence that matters: how many nuclei, which shares, where the worst field is. */
export function verdict(input: Pick<ReportPageInput, "images" | "payload" | "scheme">): string {
  const counts = countTypes(input.images, input.scheme.classes.length);
  const total = counts.reduce((a, b) => a + b, 0);
  if (total === 0) return "No nuclei found";
  if (input.scheme.classes.length === 1) return counted(total);
  const shares = input.scheme.classes.map((c, i) => `${c.short} ${percent(counts[i + 1]!, total)}`);
  const grades = gradeIds(input.scheme);
  const worst = worstFields(input.images, grades)[0];
  const field =
    worst === undefined
      ? ""
      : `; highest-grade field: ${fieldText(worst, input.scheme, grades, input.images.length > 1)}`;
  return `${counted(total)}; ${shares.join(", ")}${field}`;
}

interface PlacedField {
  readonly image: ReportImage;
  readonly index: number;
  readonly field: ReportImage["fields"][number];
}

/** The first fields of all images together, highest grade first. */
function worstFields(images: readonly ReportImage[], grades: readonly number[]): PlacedField[] {
  const share = ({ field }: PlacedField, id: number): number =>
    field.counts[id - 1]! /
    Math.max(
      1,
      grades.reduce((sum, g) => sum + field.counts[g - 1]!, 0),
    );
  return images
    .flatMap((image, index) => image.fields.slice(0, 12).map((field) => ({ image, index, field })))
    .sort((a, b) => {
      for (const id of [...grades].reverse()) {
        const difference = share(b, id) - share(a, id);
        if (difference !== 0) return difference;
      }
      return a.index - b.index;
    })
    .slice(0, 12);
}

function fieldText(
  { image, field }: PlacedField,
  scheme: ClassScheme,
  grades: readonly number[],
  named: boolean,
): string {
  const graded = grades.reduce((sum, id) => sum + field.counts[id - 1]!, 0);
  const top = [...grades].reverse().find((id) => field.counts[id - 1]! > 0) ?? grades[0]!;
  const place = `x ${number(field.x)}, y ${number(field.y)} px${named ? ` in ${image.name}` : ""}`;
  return `${scheme.classes[top - 1]!.short} ${percent(field.counts[top - 1]!, graded)} of ${graded} graded nuclei at ${place}`;
}

/** What the shares of the classes are called: grades, other classes, or one class alone. */
function distributionTitle(scheme: ClassScheme): string {
  if (scheme.classes.length === 1) return "Nuclei";
  return gradeIds(scheme).length > 0 ? "Grade distribution" : "Class distribution";
}

function distributionPanel(
  title: string,
  classes: readonly ReportClass[],
  counts: readonly number[],
): string {
  const total = counts.reduce((a, b) => a + b, 0);
  const rows = classes.map((c, i) => {
    const n = counts[i + 1]!;
    const share = total === 0 ? 0 : (100 * n) / total;
    return `<label><input type="checkbox" id="class-${i}" checked title="show or hide (key ${i + 1})"><span>${escapeHtml(c.short)}</span></label>
<span class="bar"><i data-class="${i + 1}" style="width:${share.toFixed(2)}%;background:${c.color}"></i></span><span class="share">${percent(n, total)}</span><span class="n">${number(n)}</span>`;
  });
  return `<div class="panel"><h2>${title}</h2><div class="dist">${rows.join("")}</div></div>`;
}

/** Keys and mouse. */
function helpText({ payload, images }: ReportPageInput): string {
  const classes = payload.classes.length;
  const keys = [
    "Wheel or + − zooms",
    "drag moves",
    "0 shows all",
    classes === 1 ? "1 toggles the nuclei" : `1–${classes} toggle classes`,
    "O outlines",
    ...(images.some((image) => image.taskLayers.length > 0) ? ["H task maps"] : []),
  ];
  return `${keys.join(", ")}. Nothing leaves this computer.`;
}

function layersPanel(payload: ReportPayload, images: readonly ReportImage[]): string {
  const layers = images.some((image) => image.taskLayers.length > 0)
    ? payload.tasks.map(
        (
          task,
          i,
        ) => `<label><input type="radio" name="layer" value="${i}"><span>${escapeHtml(task.title)}</span></label>
<div class="stack-legend">${task.labels.map((label, k) => `<span class="swatch" style="background:${task.colors[k]}"></span> ${escapeHtml(label)}`).join(" &nbsp; ")}</div>`,
      )
    : [];
  const noTaskMap =
    layers.length === 0
      ? ""
      : `<label><input type="radio" name="layer" value="-1" checked><span>No task map</span><span class="key">H next</span></label>\n`;
  return `<div class="panel layers"><h2>Layers</h2>
<label><input type="checkbox" id="outlines" checked><span>Outlines</span><span class="key">O</span></label>
<label><input type="checkbox" id="safe"><span>Colour-blind-safe colours</span></label>
${noTaskMap}${layers.join("")}</div>`;
}

function fieldsSection(input: ReportPageInput, grades: readonly number[]): string {
  const worst = worstFields(input.images, grades);
  if (grades.length === 0) return "";
  const rule = `Squares of ${FIELD_UM} µm with at least ${FIELD_MIN_NUCLEI} graded nuclei, ordered by their share of the highest grade.`;
  if (worst.length === 0) return `<section><h2>Fields</h2><p>${rule} No field has that many.</p></section>`;
  const head = input.scheme.classes.map((c) => `<th>${escapeHtml(c.short)}</th>`).join("");
  const rows = worst.map(({ image, index, field }) => {
    const cells = field.counts.map((n) => `<td>${n}</td>`).join("");
    const place = `${index},${field.x},${field.y},${field.width},${field.height}`;
    return `<tr><td>${escapeHtml(image.name)}</td><td>${number(field.x)}</td><td>${number(field.y)}</td>${cells}<td><button type="button" data-field="${place}">show</button></td></tr>`;
  });
  return `<section><h2>Fields</h2><p>${rule}</p><div class="scroll"><table><thead><tr><th>image</th><th>x (px)</th><th>y (px)</th>${head}<th></th></tr></thead><tbody>${rows.join("")}</tbody></table></div></section>`;
}

function distributionsSection(input: ReportPageInput): string {
  const series = (pick: (image: ReportImage) => readonly number[]) =>
    input.payload.classes.map((c, k) => ({
      label: c.short,
      color: c.color,
      values: input.images.flatMap((image) => pick(image).filter((_, i) => image.nuclei.type[i] === k + 1)),
    }));
  const figures = [
    histogramSvg(
      "Area",
      "µm², share of the class per bin",
      series((image) => image.nuclei.areaUm2),
    ),
    histogramSvg(
      "Eccentricity",
      "0 circle … 1 line",
      series((image) => image.nuclei.eccentricity),
    ),
    histogramSvg(
      "Type probability",
      "share of the nucleus' pixels",
      series((image) => image.nuclei.typeProbability),
    ),
  ];
  return `<section><h2>Distributions</h2><div class="histograms">${figures.join("")}</div></section>`;
}

function tableSection(input: ReportPageInput): string {
  const head = input.scheme.classes.map((c) => `<th>${escapeHtml(c.short)}</th>`).join("");
  const median = (values: readonly number[]): string => {
    const sorted = [...values].sort((a, b) => a - b);
    const middle = sorted[Math.floor(sorted.length / 2)];
    return middle === undefined ? "–" : middle.toFixed(1);
  };
  const rows = input.images.map((image) => {
    const counts = countTypes([image], input.scheme.classes.length);
    const areaMm2 = (image.width * image.height * image.mpp ** 2) / 1e6;
    const cells = counts
      .slice(1)
      .map((n) => `<td>${number(n)}</td>`)
      .join("");
    return `<tr><td>${escapeHtml(image.name)}</td><td>${number(image.width)} × ${number(image.height)}</td><td>${image.mpp}</td><td>${number(image.nuclei.type.length)}</td>${cells}<td>${number(Math.round(image.nuclei.type.length / areaMm2))}</td><td>${median(image.nuclei.areaUm2)}</td><td>${(image.elapsedMs / 1000).toFixed(1)}</td></tr>`;
  });
  const failed =
    input.failures.length === 0
      ? ""
      : `<h2>Not graded</h2><table class="card"><tbody>${input.failures.map((f) => `<tr><td>${escapeHtml(f.name)}</td><td>${escapeHtml(f.message)}</td></tr>`).join("")}</tbody></table>`;
  return `<section><h2>Images</h2><div class="scroll"><table><thead><tr><th>image</th><th>size (px)</th><th>µm/px</th><th>nuclei</th>${head}<th>per mm²</th><th>median area (µm²)</th><th>time (s)</th></tr></thead><tbody>${rows.join("")}</tbody></table></div>${failed}</section>`;
}

function methodSection(input: ReportPageInput): string {
  const post = input.model?.post;
  const constants = post
    ? ` Post-processing: ${post.method}, h ${post.h}, threshold ${post.threshold}, minimum area ${post.minArea} px.`
    : "";
  const windows = input.model
    ? ` Windows of ${input.model.window} px keep their central ${input.model.kept} px; ${escapeHtml(input.engine)}.`
    : "";
  const stain =
    input.stainNorm === undefined
      ? ""
      : ` The network saw the images after stain normalisation, ${escapeHtml(input.stainNorm)}, except where they hold too little tissue for it; pictures and haematoxylin densities are of the images as they are.`;
  return `<section><h2>Method</h2><p>${escapeHtml(methodText(input.model?.network))}${stain}${windows}${constants}</p></section>`;
}

function modelCard(model: ModelMetadata | undefined): string {
  if (model === undefined) return "";
  const scores = Object.entries(model.training.scores).map(([name, value]) => `${name} ${value.toFixed(4)}`);
  const rows: [string, string][] = [
    [
      "model",
      `${model.name} (${model.network}, preset ${model.preset}, width ${model.width}, ${model.precision})`,
    ],
    ["classes", model.classes.classes.map((c) => c.name).join(", ")],
    ["trained at", `${model.mpp} µm/px`],
    ["training data", `${model.training.synthetic ? "SYNTHETIC. " : ""}${model.training.data}`],
    [
      "training",
      `${model.training.epochs} epochs, ${number(model.training.steps)} steps, seed ${model.training.seed}`,
    ],
    ...(model.tuning === undefined
      ? []
      : [["post-processing tuned", tuningText(model.tuning)] satisfies [string, string]]),
    [
      "measured",
      scores.length === 0 ? "nothing recorded" : `${scores.join(", ")} on ${model.training.scoresOn}`,
    ],
    ["licence of the weights", model.licence],
    ["intended use", model.intendedUse],
    ["parameters", `SHA-256 ${model.parameterHash}`],
    ["made with", `Renograde ${model.renogradeVersion}`],
  ];
  return `<section><h2>Model card</h2><table class="card"><tbody>${rows.map(([k, v]) => `<tr><td>${k}</td><td>${escapeHtml(v)}</td></tr>`).join("")}</tbody></table></section>`;
}

/** The page as pieces in order, so that a report of many images need not be one string. */
export function* reportPage(input: ReportPageInput): Generator<string> {
  const counts = countTypes(input.images, input.scheme.classes.length);
  const first = input.images[0];
  const sizes = new Set(input.images.map((image) => `${image.mpp} µm/px (${image.mppSource})`));
  const title = input.images.length === 1 && first ? first.name : `${input.images.length} images`;
  const facts = [
    [...sizes].join("; "),
    input.model ? `model ${input.model.name}` : "no model: maps post-processed",
    input.date,
    `Renograde ${input.version}`,
  ];
  yield `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>Renograde: ${escapeHtml(title)}</title><style>${REPORT_STYLE}</style></head><body>
<div class="screen"><header><h1><span>${escapeHtml(title)}</span><span class="ruo">Research use only. Not for diagnostic use.</span></h1>
<div class="verdict">${escapeHtml(verdict(input))}</div><div class="facts">${escapeHtml(facts.filter(Boolean).join(" · "))}</div>`;
  if (input.model?.training.synthetic) {
    yield `<div class="synthetic">The model was trained on synthetic sections only. Its grades of real tissue mean nothing.</div>`;
  } else if (input.model && gradeIds(input.scheme).length === 0) {
    const says =
      input.scheme.classes.length === 1
        ? "The model outlines nuclei and does not grade them."
        : "The model's classes are not grades of kidney nuclei.";
    yield `<div class="synthetic">${says} Licence of its weights: ${escapeHtml(input.model.licence)}.</div>`;
  }
  yield "</header>";
  if (first === undefined) {
    yield `<p class="empty">No image was graded.</p></div>`;
  } else {
    yield `<div class="first"><div class="stage"><canvas id="view" tabindex="0" role="img" aria-label="Image with outlined nuclei; arrow keys move, plus and minus zoom"></canvas>
<div class="scale"><span id="scale-text"></span><i id="scale-bar"></i></div>
<div class="zoom"><button type="button" id="zoom-in" title="zoom in (+)">+</button><button type="button" id="zoom-out" title="zoom out (-)">−</button><button type="button" id="zoom-fit" title="whole image (0)">▢</button></div></div><canvas class="printed" id="printed"></canvas>
<div class="side">`;
    if (input.images.length > 1) {
      const options = input.images.map(
        (image, i) =>
          `<option value="${i}">${escapeHtml(image.name)} · ${number(image.nuclei.type.length)}</option>`,
      );
      yield `<div class="panel picker"><h2>Image · nuclei</h2><select id="picker">${options.join("")}</select></div>`;
    }
    const scope = input.images.length > 1 ? `, all ${input.images.length} images` : "";
    yield distributionPanel(distributionTitle(input.scheme) + scope, input.payload.classes, counts);
    yield layersPanel(input.payload, input.images);
    yield `<div class="panel nucleus"><h2>Nucleus</h2><div id="nucleus"></div></div>
<div class="panel help">${helpText(input)}</div></div></div></div>`;
  }
  yield "<main>";
  yield fieldsSection(input, gradeIds(input.scheme));
  if (first !== undefined) yield distributionsSection(input);
  yield tableSection(input);
  yield methodSection(input);
  yield modelCard(input.model);
  yield "</main>";
  yield `<script type="application/json" id="payload">${json(input.payload)}</script>\n`;
  for (const [i, image] of input.images.entries()) {
    yield `<script type="application/json" id="image-${i}">${json(image)}</script>\n`;
  }
  if (first !== undefined) yield `<script type="module">${input.script}</script>`;
  yield `<noscript>The picture needs JavaScript; the tables do not.</noscript></body></html>\n`;
}
