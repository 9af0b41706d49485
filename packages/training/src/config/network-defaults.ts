/**
 * Training settings that belong to a network: patches, schedule, regularisation (spec/training.md §5, §8;
 * spec/baselines.md §2 to §7). Laid under a configuration before anything else; what it says itself wins.
 *
 * @module
 */

/** Partial configuration, as YAML would give it. */
export interface Defaults {
  readonly [group: string]: { readonly [option: string]: unknown } | undefined;
}

/** Defaults of the CHR-Net family: batches of 8, then 6. */
const CHR_FAMILY: Defaults = { train: { phases: [{ freeze: true }, { batch: 6 }] } };

/** Settings by network and regime. A network that is not listed has the schema's own. */
const NETWORK_DEFAULTS: ReadonlyMap<string, { readonly paper: Defaults; readonly code: Defaults }> = new Map([
  ["chr-net", { paper: CHR_FAMILY, code: CHR_FAMILY }],
  ["mhr-udist", { paper: CHR_FAMILY, code: CHR_FAMILY }],
  ["mhr", { paper: CHR_FAMILY, code: CHR_FAMILY }],
  ["shr", { paper: CHR_FAMILY, code: CHR_FAMILY }],
]);

/** The settings of `network` under `regime`. */
export function networkDefaults(network: unknown, regime: unknown): Defaults {
  const entry = NETWORK_DEFAULTS.get(typeof network === "string" ? network : "chr-net");
  return entry?.[regime === "code" ? "code" : "paper"] ?? {};
}
