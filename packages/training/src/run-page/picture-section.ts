/**
 * The patches of a validation as they stand on the page of a run. The section is marked, so that a resumed run finds
 * it in the page it replaces.
 *
 * @module
 */
import type { ClassScheme } from "@renograde/core";
import { escapeHtml } from "@renograde/formats";
import type { PatchPicture } from "./patch-pictures.js";
import { formatNumber } from "./ticks.js";

/** A drawn patch with its name and its encoded picture. */
export interface EncodedPatch extends Omit<PatchPicture, "picture"> {
  readonly name: string;
  /** JPEG */
  readonly jpeg: Uint8Array;
}

/** The patches of one validation. */
export interface ValidationPictures {
  readonly epoch: number;
  readonly fixed: readonly EncodedPatch[];
  readonly worst: readonly EncodedPatch[];
}

/** Styles of the section, for the page that holds it. */
export const PICTURE_STYLE = `
.patches{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,560px),1fr));gap:16px 24px}
.patches figure{margin:0;max-width:640px;break-inside:avoid}
.patches img{display:block;width:100%}
.sides{display:flex;font-size:11px;color:var(--dim)}
.sides span{flex:1}
.keys{display:flex;flex-wrap:wrap;gap:0 14px;font-size:11px;color:var(--dim);margin-bottom:8px}
.keys i{display:inline-block;width:10px;height:10px;margin-right:5px;border:1px solid var(--line);vertical-align:-1px;print-color-adjust:exact;-webkit-print-color-adjust:exact}
h3.group{font-size:13px;font-weight:600;margin:16px 0 6px;break-after:avoid}
@media print{.patches{grid-template-columns:repeat(3,1fr);gap:8px 16px}}
`;

function figure({ name, dice, pq, nuclei, jpeg }: EncodedPatch): string {
  const quality = pq === null ? "" : ` · PQ ${formatNumber(pq)}`;
  const caption = `Dice ${formatNumber(dice)}${quality} · ${nuclei.truth} nuclei annotated, ${nuclei.predicted} found · ${name}`;
  return `<figure><div class="sides"><span>annotation</span><span>prediction</span></div><img src="data:image/jpeg;base64,${Buffer.from(jpeg).toString("base64")}" alt="${escapeHtml(name)}: annotation and prediction"><figcaption>${escapeHtml(caption)}</figcaption></figure>`;
}

/** The section as HTML. */
export function pictureSection({ epoch, fixed, worst }: ValidationPictures, scheme: ClassScheme): string {
  const keys = scheme.classes.map(
    ({ name, color }) => `<span><i style="background:rgb(${color.join(",")})"></i>${escapeHtml(name)}</span>`,
  );
  const measured = worst.some(({ pq }) => pq !== null) ? "PQ" : "Dice of all nuclei";
  const group = (title: string, patches: readonly EncodedPatch[]) =>
    `<h3 class="group">${title}</h3><div class="patches">${patches.map(figure).join("")}</div>`;
  return `<!-- pictures of epoch ${epoch} --><section><h2>Validation patches, epoch ${epoch}</h2><div class="keys">${keys.join("")}</div>${group("The same patches every time", fixed)}${group(`The worst patches, by ${measured}`, worst)}</section><!-- end of pictures -->`;
}

/** The section in an older page of the run, when it is of an epoch up to `epoch`; else nothing. */
export function findPictureSection(html: string, epoch: number): string {
  const found = /<!-- pictures of epoch (\d+) -->[\s\S]*?<!-- end of pictures -->/.exec(html);
  return found !== null && Number(found[1]) <= epoch ? found[0] : "";
}
