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

/** Settings under the paper's regime, one for all networks, and those of the network's own code. */
interface Regimes {
  readonly paper: Defaults;
  readonly code: Defaults;
}

/** 50 epochs with the pretrained encoder frozen in batches of 8, then 50 with everything in batches of 6. */
const TWO_PHASES = [{ freeze: true }, { batch: 6 }];
/** Without a pretrained encoder: 100 epochs, the same cycle of rates twice. */
const TWO_CYCLES = [{}, {}];

/** Both regimes: what they share, and each one's `train`. */
function regimes(shared: Defaults, paper: { readonly [option: string]: unknown }, code = paper): Regimes {
  return { paper: { ...shared, train: paper }, code: { ...shared, train: code } };
}

const CHR_FAMILY = regimes({}, { phases: TWO_PHASES });

/** Patches of HoVer-Net by `net.hoverWindow`; 540 every 164 is what its PyTorch code ships for 270. */
const HOVER_PATCHES: ReadonlyMap<unknown, { readonly window: number; readonly step: number }> = new Map([
  [270, { window: 540, step: 164 }],
  [350, { window: 400, step: 160 }],
  [256, { window: 512, step: 164 }],
]);

/** HoVer-Net: offsets are those of whole nuclei, so nothing is eroded. The code trains with 350 px. */
function hoverRegime(regime: "paper" | "code", given: unknown): Defaults {
  const hoverWindow = HOVER_PATCHES.has(given) ? given : regime === "code" ? 350 : 270;
  const phases = [
    { freeze: true, epochs: 40, lrDropAfter: 20 },
    { epochs: 40, lrDropAfter: 20, batch: 4 },
  ];
  return {
    net: { hoverWindow },
    data: { crop: hoverWindow, ...HOVER_PATCHES.get(hoverWindow), erodeBoundary: 0 },
    train: { phases: regime === "code" ? phases : TWO_PHASES },
  };
}

/** Settings by network. A network that is not listed has the schema's own. */
const NETWORK_DEFAULTS: ReadonlyMap<string, Regimes> = new Map([
  ["chr-net", CHR_FAMILY],
  ["mhr-udist", CHR_FAMILY],
  ["mhr", CHR_FAMILY],
  ["shr", CHR_FAMILY],
  [
    "u-net",
    regimes(
      { data: { window: 512, step: 356, crop: 390 }, optim: { weightDecay: 1e-5 } },
      { phases: TWO_PHASES },
      { batch: 2, phases: [{ lr: 1e-5, lrDrop: 1e-6 }] },
    ),
  ],
  [
    "mask-rcnn",
    // Masks are those of whole nuclei. Its post-processing keeps scores from 0.5 and nuclei of 10 px.
    regimes(
      {
        data: { window: 640, step: 512, crop: 512, erodeBoundary: 0 },
        post: { threshold: 127, minArea: 9 },
      },
      { batch: 2, phases: [{ freeze: true }, {}] },
    ),
  ],
  [
    "micro-net",
    regimes(
      { data: { window: 504, step: 252, crop: 252 }, optim: { weightDecay: 1e-5 } },
      { phases: TWO_CYCLES },
      { phases: [{}] },
    ),
  ],
  [
    "dist",
    regimes(
      // Nothing in its description erodes the labels; distances are those of whole nuclei.
      // Every maximum of the distance is a nucleus, however small (spec/postprocessing.md §4).
      {
        data: { window: 536, step: 84, crop: 268, erodeBoundary: 0 },
        optim: { weightDecay: 5e-6 },
        post: { h: 0, threshold: 0, minArea: 0 },
      },
      { phases: TWO_CYCLES },
      {
        phases: [{ epochs: 80, lr: 1e-3, lrDrop: 1e-3, lrDecay: 0.96, lrDecayEvery: 10 }],
        select: "mse",
      },
    ),
  ],
]);

/**
 * The settings of a network under `regime`.
 *
 * @param net - the group `net` as given: its network, and what other settings follow from
 */
export function networkDefaults(net: Readonly<Record<string, unknown>>, regime: unknown): Defaults {
  const which = regime === "code" ? "code" : "paper";
  const { network = "chr-net", hoverWindow } = net;
  if (network === "hover-net") return hoverRegime(which, hoverWindow);
  return NETWORK_DEFAULTS.get(String(network))?.[which] ?? {};
}
