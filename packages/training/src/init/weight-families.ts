/**
 * Translation tables between our parameter names and those of published weights (spec/training.md §7,
 * spec/network.md §15).
 *
 * @module
 */

/** A naming of weights by others. */
export interface WeightFamily {
  /** For messages and records. */
  readonly title: string;
  /** Names in the file that prove it is of this family. */
  readonly marks: readonly string[];
  /** Axes of convolution kernels in the file. */
  readonly kernels: "OIHW" | "HWIO";
  /** Order of the colours the weights were trained with. */
  readonly colors: "RGB" | "BGR";
  /** Their name for one of ours, or null for what the family does not hold. */
  theirs(ours: string): string | null;
  /** True for what such files hold beside weights and what may be left unused. */
  isExtra(theirs: string): boolean;
}

/** Suffixes of a batch norm in tensorpack. */
export const TENSORPACK_NORM: Readonly<Record<string, string>> = {
  weight: "bn/gamma",
  bias: "bn/beta",
  running_mean: "bn/mean/EMA",
  running_var: "bn/variance/EMA",
};
const GLOBAL_CONTEXT: Readonly<Record<string, string>> = {
  "mask.weight": "spatial_pool_conv/W",
  "fc1.weight": "channel_add_conv_1/W",
  "ln.weight": "channel_add_layernorm/gamma",
  "ln.bias": "channel_add_layernorm/beta",
  "fc2.weight": "channel_add_conv_2/W",
};

/** torchvision's `resnet34`, for the encoder of the CHR-Net family. */
export const TORCHVISION_RESNET34: WeightFamily = {
  title: "torchvision ResNet-34",
  marks: ["conv1.weight", "layer3.5.conv2.weight", "layer4.2.conv2.weight"],
  kernels: "OIHW",
  colors: "RGB",
  theirs(ours) {
    const stem = /^encoder\.stem\.(conv|bn)\.(.+)$/.exec(ours);
    if (stem) return `${stem[1]}1.${stem[2]}`;
    const block = /^encoder\.group(\d)\.block(\d)\.(conv|bn|short|shortBn)(\d?)\.(.+)$/.exec(ours);
    if (!block) return null;
    const [, group, index, part, digit, leaf] = block;
    const place = `layer${Number(group) + 1}.${index}`;
    if (part === "short") return `${place}.downsample.0.${leaf}`;
    if (part === "shortBn") return `${place}.downsample.1.${leaf}`;
    return `${place}.${part}${digit}.${leaf}`;
  },
  isExtra: (theirs) => theirs.startsWith("fc.") || theirs.endsWith(".num_batches_tracked"),
};

/** Part of a residual block without GC in tensorpack: `conv1/W`, `conv1/bn/gamma`, `convshortcut/W`, … */
function tensorpackBlockPart(part: string): string | null {
  const match = /^(conv|bn|short|shortBn)(\d?)\.(\w+)$/.exec(part);
  if (!match) return null;
  const [, kind, digit, leaf] = match;
  const place = kind === "short" || kind === "shortBn" ? "convshortcut" : `conv${digit}`;
  if (kind === "conv" || kind === "short") return leaf === "weight" ? `${place}/W` : null;
  const norm = TENSORPACK_NORM[leaf!];
  return norm === undefined ? null : `${place}/${norm}`;
}

/** `conv.weight`, `bn.running_mean`, … of a convolution with batch norm, and `weight`, `bias` of an output layer. */
function tensorpackLayer(place: string, leaf: string): string | null {
  if (leaf === "conv.weight" || leaf === "weight") return `${place}/W`;
  if (leaf === "bias") return `${place}/b`;
  const norm = leaf.startsWith("bn.") ? TENSORPACK_NORM[leaf.slice(3)] : undefined;
  return norm === undefined ? null : `${place}/${norm}`;
}

function tensorpackEncoder(ours: string): string | null {
  const stem = /^encoder\.stem\.(.+)$/.exec(ours);
  if (stem) return tensorpackLayer("conv0", stem[1]!);
  const block = /^encoder\.(group\d)\.(block\d)\.(.+)$/.exec(ours);
  const part = block ? tensorpackBlockPart(block[3]!) : null;
  return block && part !== null ? `${block[1]}/${block[2]}/${part}` : null;
}

/** Optimiser slots, counters and summaries that tensorpack saves with the weights. */
export function isTensorpackExtra(theirs: string): boolean {
  return (
    /\/Adam(_1)?$|\/Momentum$/.test(theirs) ||
    /^(global_step|learning_rate|beta[12]_power|param[1-5])$/.test(theirs) ||
    (/\/EMA(\/.*)?$/.test(theirs) && !/\/bn\/(mean|variance)\/EMA$/.test(theirs))
  );
}

/** tensorpack's `ImageNet-ResNet34.npz`, for the encoder of the CHR-Net family. */
export const TENSORPACK_RESNET34: WeightFamily = {
  title: "tensorpack ResNet-34",
  marks: ["conv0/W", "group2/block5/conv2/W", "group3/block2/conv2/W", "linear/W"],
  kernels: "HWIO",
  colors: "BGR",
  theirs: tensorpackEncoder,
  isExtra: (theirs) => theirs.startsWith("linear/") || isTensorpackExtra(theirs),
};

/** Scopes of the authors' graph for ours; `out` is a layer with bias. */
const AUTHORS_PLACES: readonly (readonly [pattern: RegExp, place: string])[] = [
  [/^unet\.u(\d)\.(.+)$/, "u$1b"],
  [/^lunet\.([du]\d)\.(.+)$/, "$1r"],
  [/^aux100\.(?!up|down|straight)(.+)$/, "en_10x"],
  [/^aux400\.(?!up|down|straight)(.+)$/, "en_40x"],
];

/**
 * Weights in the naming of CHR-Net's authors: their TensorFlow checkpoint, or tensorpack's `.npz` dump of one
 * (spec/network.md §8, §15).
 *
 * @param network - `chr-net`, `mhr-udist`, `mhr` or `shr`
 */
export function authorsFamily(network: string): WeightFamily {
  const single = network === "shr";
  const extractor = (task: string): string => (single ? "classify" : `classify_${task}`);
  return {
    title: "CHR-Net in its authors' naming",
    marks: ["conv0/W", "group0/block0/gcb/spatial_pool_conv/W", `${extractor("1")}/conv_out/W`],
    kernels: "HWIO",
    colors: "RGB",
    theirs(ours) {
      const gc = /^(.+)\.gc\.(.+)$/.exec(ours);
      if (gc) {
        const scope = authorsScope(gc[1]!, extractor);
        const leaf = GLOBAL_CONTEXT[gc[2]!];
        return scope === null || leaf === undefined ? null : `${scope}/gcb/${leaf}`;
      }
      if (ours.startsWith("encoder.")) return tensorpackEncoder(ours);
      const out = /^(unet|lunet|fuse)\.out\.(weight|bias)$/.exec(ours);
      if (out) {
        const binary = network === "mhr-udist" ? "conv_out_r" : "conv_out_b";
        const place = out[1] === "unet" ? binary : out[1] === "lunet" ? "conv_out_r" : "conv_out_type";
        return tensorpackLayer(place, out[2]!);
      }
      const extra = /^aux(100|400)\.(up|down|straight)\.(.+)$/.exec(ours);
      if (extra) return tensorpackLayer(`cov_${extra[1] === "100" ? "10x" : "40x"}_${extra[2]}`, extra[3]!);
      const hrfe = /^hrfe([12])\.(\w+)\.(.+)$/.exec(ours);
      if (hrfe) return authorsExtractor(extractor(hrfe[1]!), hrfe[2]!, hrfe[3]!);
      for (const [pattern, place] of AUTHORS_PLACES) {
        const match = pattern.exec(ours);
        if (!match) continue;
        const part = tensorpackBlockPart(match.at(-1)!);
        return part === null
          ? null
          : `${place.replace("$1", match[1]!)}/${part.replace(/^conv(\d)/, "conv_$1")}`;
      }
      return null;
    },
    isExtra: isTensorpackExtra,
  };
}

/** Scope in which a GC block of ours stands in the authors' graph. */
function authorsScope(ours: string, extractor: (task: string) => string): string | null {
  const block = /^encoder\.(group\d)\.(block\d)$/.exec(ours);
  if (block) return `${block[1]}/${block[2]}`;
  const lead = /^hrfe([12])\.(groupl\d+)$/.exec(ours);
  if (lead) return `${extractor(lead[1]!)}/${lead[2]}/block0`;
  const aux = /^aux(100|400)$/.exec(ours);
  return aux ? `en_${aux[1] === "100" ? "10x" : "40x"}` : null;
}

function authorsExtractor(scope: string, layer: string, leaf: string): string | null {
  if (layer === "mix") return tensorpackLayer(`head_fusion_${scope}/conv_mix`, leaf);
  if (layer === "out") return tensorpackLayer(`${scope}/conv_out`, leaf);
  if (layer.startsWith("com_")) return tensorpackLayer(`${scope}/${layer}/conv_up`, leaf);
  if (layer.startsWith("groupl")) {
    const part = tensorpackBlockPart(leaf);
    return part === null ? null : `${scope}/${layer}/block0/${part}`;
  }
  return tensorpackLayer(`${scope}/${layer}`, leaf);
}
