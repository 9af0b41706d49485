/**
 * What a training run tells, on the terminal.
 *
 * @module
 */
import type { TrainEvent } from "@renograde/training";
import type { Context } from "./context.js";
import type { Stage } from "./progress.js";

/** A loss or a score with four digits. */
export const digits = (value: number): string => value.toFixed(4);

/**
 * Turns the events of a run into a progress line per stage and one line per epoch.
 *
 * @param page - where the run can be followed; told at its start
 */
export function trainReporter(context: Context, page?: string): (event: TrainEvent) => void {
  let stage: Stage | undefined;
  let stageName = "";
  const open = (name: string, unit: string, from = 0): Stage => {
    if (stage === undefined || stageName !== name) {
      stage = context.progress.stage(name, unit, from);
      stageName = name;
    }
    return stage;
  };
  return (event) => {
    switch (event.kind) {
      case "data":
        open("reading", "images").update(event.done, event.total);
        break;
      case "start":
        context.progress.info(
          `${event.resumed ? `resuming at step ${event.step}` : "training"}: ${event.epochs} epochs, ${event.steps} steps, ${event.trainPatches} training and ${event.validPatches} validation patches, ${event.parameters.toLocaleString("en-US")} parameters`,
        );
        if (page !== undefined) context.progress.info(`follow it in ${page}`);
        break;
      case "step": {
        const terms = Object.entries(event.losses.terms).map(
          ([name, value]) => `${name} ${value.toFixed(3)}`,
        );
        open("training", "steps", event.step).update(
          event.step,
          event.steps,
          `epoch ${event.epoch}/${event.epochs}  loss ${event.losses.total.toFixed(3)} (${terms.join(", ")})`,
          event.remainingMs / 1000,
        );
        break;
      }
      case "validation":
        open(`validating epoch ${event.epoch}`, "patches").update(event.done, event.total);
        break;
      case "epoch": {
        stage = undefined;
        const scores = Object.entries(event.scores ?? {}).flatMap(([name, value]) =>
          typeof value === "number" ? [`${name} ${digits(value)}`] : [],
        );
        context.progress.info(
          `epoch ${event.epoch}/${event.epochs}  loss ${digits(event.losses.total)}${scores.length > 0 ? `  ${scores.join("  ")}` : ""}${event.isBest ? "  best so far" : ""}`,
        );
        break;
      }
      case "warning":
        context.progress.warn(event.message);
        break;
      case "checkpoint":
        break;
    }
  };
}
