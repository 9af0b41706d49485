/**
 * Options of the exported model: `model`.
 *
 * @module
 */
import { z } from "zod";

/** Options of `model`. */
export const model = z
  .strictObject({
    name: z
      .string()
      .regex(/^[a-z0-9][a-z0-9._-]*$/i)
      .nullable()
      .default(null)
      .describe("name of the exported model: letters, digits, dots, dashes; null = the network's name"),
    data: z
      .string()
      .default("")
      .describe("one sentence on the training data for the model card; empty: made from the dataset"),
    synthetic: z
      .boolean()
      .default(false)
      .describe("no real tissue was used; a dataset that says so itself needs no option"),
    licence: z
      .string()
      .default("unspecified; ask the owner of the weights")
      .describe("licence of the weights: SPDX expression or a sentence"),
  })
  .prefault({});
