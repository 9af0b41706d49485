/**
 * The two layouts training reads, as sources: label PNGs and RCCNucSeg (spec/data.md §1).
 *
 * @module
 */
import { majorityTypes } from "@renograde/core";
import { openDataset } from "../open-dataset.js";
import { type ConvertSource, sourceOf } from "./source.js";

/** Opens a folder as training would, its classes.json included. */
export async function openOwn(input: string): Promise<ConvertSource> {
  const dataset = await openDataset(input);
  const items = dataset.entries.map((entry, index) => ({
    name: entry.name,
    set: entry.set,
    async load() {
      const { image, instances, classes, slide, warnings } = await dataset.load(index);
      const types = dataset.hasClasses ? majorityTypes(instances, classes).types : null;
      return { image, labels: instances, types, ambiguous: null, slide, warnings };
    },
  }));
  const classes = dataset.hasClasses ? dataset.classes.classes.map((c) => c.name) : null;
  return sourceOf({ items, classes, mpp: null });
}
