/**
 * The options of the metrics that `--set` takes: `metrics.*`.
 *
 * @module
 */
import { type MetricOptions, resolveMetricOptions, UsageError } from "@renograde/core";
import { parseAssignments } from "./context.js";

/** Reads `--set metrics.*`. @throws UsageError listing every mistake */
export function metricOptions(assignments: readonly string[]): Partial<MetricOptions> {
  const known = ["eps", "iouThreshold", "pooling", "f1Assignment", "f1DistancePx"];
  const values = parseAssignments(assignments);
  const wrong = Object.keys(values).filter(
    (key) => !key.startsWith("metrics.") || !known.includes(key.slice("metrics.".length)),
  );
  if (wrong.length > 0) {
    throw new UsageError(
      [
        ...wrong.map((key) => `--set ${key}: unknown option`),
        `known are ${known.map((k) => `metrics.${k}`).join(", ")}`,
      ].join("\n"),
    );
  }
  const options = Object.fromEntries(
    Object.entries(values).map(([key, value]) => [key.slice("metrics.".length), value]),
  ) as Partial<MetricOptions>;
  resolveMetricOptions(options);
  return options;
}
