/**
 * Datasets, targets, the training loop and synthetic renal sections.
 *
 * @module
 */
export { augmentedCrop, type CropSizes, sampleRandom } from "./augmentation/augment.js";
export {
  AUGMENTATION_PRESETS,
  type AugmentationOptions,
  type AugmentationPlan,
  type AugmentationPreset,
  type ColourStep,
  drawAugmentation,
  type GeometricPlan,
  REFERENCE_RANGES,
} from "./augmentation/plan.js";
export * from "./config/docs.js";
export { closestWord } from "./config/issues.js";
export { formatConfig, parseConfig, readConfig } from "./config/load-config.js";
export * from "./config/schema.js";
export * from "./datasets/check-dataset.js";
export * from "./datasets/check-labels.js";
export * from "./datasets/class-map.js";
export type { DuplicatePair } from "./datasets/compare-images.js";
export {
  CONVERT_SOURCES,
  type ConvertFrom,
  type ConvertOptions,
  type ConvertSummary,
  convertDataset,
} from "./datasets/convert/convert.js";
export { type CopySummary, copySplit } from "./datasets/copy-split.js";
export * from "./datasets/dataset.js";
export { DuplicateFinder } from "./datasets/duplicates.js";
export * from "./datasets/open-dataset.js";
export { ORIENTATIONS, type Orientation } from "./datasets/orientations.js";
export * from "./datasets/split.js";
export * from "./datasets/split-balanced.js";
export * from "./datasets/split-file.js";
export * from "./datasets/stats.js";
export { drawSuspicionSheet, pickSuspicions, SUSPICION_COLORS } from "./datasets/suspicion-sheet.js";
export { SUSPICION_KINDS, type Suspicion, type SuspicionKind } from "./datasets/suspicious.js";
export { type LaunchOptions, launchProcesses } from "./distributed/launch.js";
export * from "./export/export-run.js";
export { exportWeights } from "./export/export-weights.js";
export { drawGallery, type GalleryOptions } from "./gallery/gallery.js";
export { type InitialWeights, type InitRecord, initialWeights } from "./init/initialise.js";
export type { WeightsRecord } from "./init/read-weights.js";
export { hasCheckpoint, type RunState, readCheckpoint } from "./loop/checkpoint.js";
export type { StepLosses } from "./loop/engine.js";
export type { TrainEvent } from "./loop/events.js";
export { type RunInfo, type RunPaths, readRunConfig, readRunInfo, runPaths } from "./loop/run-folder.js";
export { type LogRecord, parseLog, readLog } from "./loop/run-log.js";
export type { ValidationScores } from "./loop/scores.js";
export { type TrainOptions, type TrainResult, train } from "./loop/train.js";
export type { GradedNuclei, ImageGrader } from "./reproduce/measure.js";
export type { Protocol } from "./reproduce/protocol.js";
export * from "./reproduce/published.js";
export {
  type ReproducedRow,
  type ReproducedTable,
  reproduceTable,
  runName,
  type TableEvent,
  type TableOptions,
} from "./reproduce/run-table.js";
export { type TableFiles, writeTable } from "./reproduce/write-table.js";
export * from "./synthesis/index.js";
export * from "./targets/batch.js";
export * from "./targets/batch-feed.js";
export * from "./targets/patch-source.js";
export type {
  PreparedEntry,
  SampleMaker,
  SampleOptions,
  SampleTask,
  Variation,
} from "./targets/sample-maker.js";
export { openSamplePool, type SamplePool, sampleWorkers } from "./targets/sample-pool.js";
export * from "./targets/target-kinds.js";
export * from "./targets/windows.js";
