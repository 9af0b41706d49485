/**
 * `tsx --conditions=source scripts/join-tissue.ts SOURCES OUT`: one dataset of outlines from all folders of SOURCES that have images/ and labels/, for the
 * shipped model of real tissue. Files are linked, not copied; names become `<source>-<name>`.
 *
 * The split is fixed and by group, so that no patient of TNBC and no image is on two sides: within each source, of every
 * five groups in order of their names the third is for testing; the last of the others is for validation.
 *
 * @module
 */
import { mkdirSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import { basename, join, resolve } from "node:path";

const [sources, out] = process.argv.slice(2);
if (sources === undefined || out === undefined) {
  console.error("usage: join-tissue.ts SOURCES OUT");
  process.exit(2);
}

/** Images of one patient stay together where the name tells the patient. */
function groupOf(name: string): string {
  return /^slide\d+/.exec(name)?.[0] ?? name;
}

rmSync(out, { recursive: true, force: true });
const counts = { train: 0, valid: 0, test: 0 };
for (const source of readdirSync(sources).sort()) {
  const folder = resolve(sources, source);
  let images: string[];
  try {
    images = readdirSync(join(folder, "images"))
      .filter((name) => name.endsWith(".png"))
      .sort();
    readdirSync(join(folder, "labels"));
  } catch {
    continue;
  }
  const groups = [...new Set(images.map(groupOf))];
  const test = new Set(groups.filter((_, i) => i % 5 === 2));
  const valid = groups.findLast((group) => !test.has(group));
  for (const image of images) {
    const group = groupOf(image);
    const set = test.has(group) ? "test" : group === valid && groups.length > 3 ? "valid" : "train";
    counts[set]++;
    for (const kind of ["images", "labels"]) {
      mkdirSync(join(out, set, kind), { recursive: true });
      symlinkSync(join(folder, kind, image), join(out, set, kind, `${basename(folder)}-${image}`));
    }
  }
}
console.log(counts);
