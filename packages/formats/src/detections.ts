/**
 * Reads the rows of an output of detections.
 *
 * @module
 */
import { DataError, type Detection } from "@renograde/core";
import { detectionColumns, type OutputChannel } from "./model-metadata.js";

/**
 * Detections from the values of a `detections` output.
 *
 * @param values `[D, columns]`, columns as `channels` list them
 * @throws DataError when the values are no whole rows, hold NaN or infinity, or lack a part
 */
export function parseDetections(values: Float32Array, channels: readonly OutputChannel[]): Detection[] {
  const columns = detectionColumns(channels);
  if (values.length % columns !== 0) {
    throw new DataError(
      `output "detections": ${values.length} values are no rows of ${columns}; the model file is damaged or was exported wrongly`,
    );
  }
  const broken = values.find((value) => !Number.isFinite(value));
  if (broken !== undefined) {
    throw new DataError(
      `output "detections": the network returned ${broken} instead of a number; the model file is damaged or was exported wrongly`,
    );
  }
  const places = placesOf(channels);
  const place = (kind: OutputChannel["kind"]): { from: number; to: number } => {
    const found = places.get(kind);
    if (found === undefined) throw new DataError(`output "detections": the model lists no ${kind}`);
    return found;
  };
  const [box, score, label] = [place("box"), place("score"), place("label")];
  const [probabilities, mask] = [place("probabilities"), place("mask")];
  return Array.from({ length: values.length / columns }, (_, i): Detection => {
    const row = values.subarray(i * columns, (i + 1) * columns);
    return {
      box: [row[box.from]!, row[box.from + 1]!, row[box.from + 2]!, row[box.from + 3]!],
      score: row[score.from]!,
      label: row[label.from]!,
      probabilities: [...row.subarray(probabilities.from, probabilities.to)],
      mask: row.slice(mask.from, mask.to),
    };
  });
}

/** First and end column of every part. */
function placesOf(channels: readonly OutputChannel[]): Map<string, { from: number; to: number }> {
  let from = 0;
  return new Map(
    channels.map((channel) => {
      const to = from + detectionColumns([channel]);
      const place = { from, to };
      from = to;
      return [channel.kind, place];
    }),
  );
}
