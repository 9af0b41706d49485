/**
 * Translation tables for the ResNet-50 encoders of the baselines and for HoVer-Net's published weights
 * (spec/baselines.md §2, §6). Names of the PyTorch files: github.com/vqdang/hover_net, `models/hovernet`; those of the
 * TensorFlow files: its branch `tensorflow-final` and tensorpack's ResNet example.
 *
 * @module
 */
import { isTensorpackExtra, TENSORPACK_NORM, type WeightFamily } from "./weight-families.js";

/** One of our layers below a scope, as a convolution or a batch norm. */
type Layer =
  | { readonly kind: "conv"; readonly place: string; readonly leaf: "weight" | "bias" }
  | { readonly kind: "norm"; readonly place: string; readonly leaf: string };

/** How a program writes a layer; `norm` stands behind the convolution of that place. */
type Spell = (layer: Layer) => string | null;

const spellTensorpack: Spell = ({ kind, place, leaf }) => {
  if (kind === "conv") return `${place}/${leaf === "weight" ? "W" : "b"}`;
  const norm = TENSORPACK_NORM[leaf];
  return norm === undefined ? null : `${place}/${norm}`;
};

const conv = (place: string, leaf = "weight"): Layer => ({
  kind: "conv",
  place,
  leaf: leaf === "bias" ? "bias" : "weight",
});
const norm = (place: string, leaf: string): Layer => ({ kind: "norm", place, leaf });

/** `conv1.weight`, `bn1.bias`, `preact.running_mean`, … of a pre-activation unit or of a dense unit. */
function unitLayer(
  part: string,
): { readonly layer: string; readonly isNorm: boolean; readonly leaf: string } | null {
  const match = /^(conv|bn)([123])\.(\w+)$|^(preact)\.(\w+)$/.exec(part);
  if (!match) return null;
  if (match[4]) return { layer: "preact", isNorm: true, leaf: match[5]! };
  return { layer: `conv${match[2]}`, isNorm: match[1] === "bn", leaf: match[3]! };
}

/** Encoder in tensorpack's names. */
function tensorpackEncoder(ours: string): string | null {
  const stem = /^encoder\.stem\.(conv|bn)\.(\w+)$/.exec(ours);
  if (stem) return spellTensorpack(stem[1] === "conv" ? conv("conv0") : norm("conv0", stem[2]!));
  const last = /^encoder\.(group\d)\.bnlast\.(\w+)$/.exec(ours);
  if (last) return spellTensorpack(norm(`${last[1]}/bnlast`, last[2]!));
  const block = /^encoder\.(group\d)\.(block\d)\.(.+)$/.exec(ours);
  if (!block) return null;
  const scope = `${block[1]}/${block[2]}`;
  if (block[3] === "short.weight") return `${scope}/convshortcut/W`;
  const unit = unitLayer(block[3]!);
  if (unit === null) return null;
  const place = `${scope}/${unit.layer}`;
  return spellTensorpack(unit.isNorm ? norm(place, unit.leaf) : conv(place));
}

/** Encoder in HoVer-Net's PyTorch names. */
function hoverEncoder(ours: string): string | null {
  const stem = /^encoder\.stem\.(.+)$/.exec(ours);
  if (stem) return `conv0.${stem[1]}`;
  const last = /^encoder\.group(\d)\.bnlast\.(\w+)$/.exec(ours);
  if (last) return `d${last[1]}.blk_bna.bn.${last[2]}`;
  const block = /^encoder\.group(\d)\.block(\d)\.(.+)$/.exec(ours);
  if (!block) return null;
  if (block[3] === "short.weight") return `d${block[1]}.shortcut.weight`;
  const unit = unitLayer(block[3]!);
  if (unit === null) return null;
  return `d${block[1]}.units.${block[2]}.${unit.layer}${unit.isNorm ? "_bn" : ""}.${unit.leaf}`;
}

const isTorchExtra = (theirs: string): boolean =>
  theirs.endsWith(".num_batches_tracked") || theirs === "upsample2x.unpool_mat";

/** tensorpack's `ImageNet-ResNet50-Preact.npz`. */
export const TENSORPACK_PREACT50: WeightFamily = {
  title: "tensorpack pre-activation ResNet-50",
  marks: ["conv0/W", "group0/bnlast/bn/gamma", "group2/block5/conv3/W"],
  kernels: "HWIO",
  colors: "BGR",
  theirs: tensorpackEncoder,
  isExtra: (theirs) => theirs.startsWith("linear/") || isTensorpackExtra(theirs),
};

/** HoVer-Net's `ImageNet-ResNet50-Preact_pytorch.tar`, or the encoder of its full weights. */
export const HOVER_PREACT50: WeightFamily = {
  title: "HoVer-Net's pre-activation ResNet-50",
  marks: ["conv0.conv.weight", "d0.blk_bna.bn.weight", "d2.units.5.conv3.weight"],
  kernels: "OIHW",
  colors: "BGR",
  theirs: hoverEncoder,
  isExtra: (theirs) => isTorchExtra(theirs) || /^(decoder|conv_bot)\./.test(theirs),
};

/** torchvision's `resnet50`. */
export const TORCHVISION_RESNET50: WeightFamily = {
  title: "torchvision ResNet-50",
  marks: ["conv1.weight", "layer3.5.conv3.weight", "layer4.2.bn3.weight"],
  kernels: "OIHW",
  colors: "RGB",
  theirs(ours) {
    const stem = /^encoder\.stem\.(conv|bn)\.(\w+)$/.exec(ours);
    if (stem) return `${stem[1]}1.${stem[2]}`;
    const block = /^encoder\.group(\d)\.block(\d)\.(conv\d|bn\d|short|shortBn)\.(\w+)$/.exec(ours);
    if (!block) return null;
    const part = { short: "downsample.0", shortBn: "downsample.1" }[block[3]!] ?? block[3];
    return `layer${Number(block[1]) + 1}.${block[2]}.${part}.${block[4]}`;
  },
  isExtra: (theirs) => theirs.startsWith("fc.") || theirs.endsWith(".num_batches_tracked"),
};

/** HoVer-Net's PyTorch weights (`hovernet_original_….tar`, `hovernet_fast_….tar`). */
export const HOVER_NET_TORCH: WeightFamily = {
  title: "HoVer-Net's PyTorch naming",
  marks: [...HOVER_PREACT50.marks, "conv_bot.weight", "decoder.np.u0.conv.weight"],
  kernels: "OIHW",
  colors: "RGB",
  theirs(ours) {
    if (ours === "encoder.bottom.weight") return "conv_bot.weight";
    if (ours.startsWith("encoder.")) return hoverEncoder(ours);
    const head = /^(np|hv|tp)\.(bn|out)\.(\w+)$/.exec(ours);
    if (head) return `decoder.${head[1]}.u0.${head[2] === "bn" ? "bn" : "conv"}.${head[3]}`;
    const dense = /^(np|hv|tp)\.(u\d)\.dense\.(?:unit(\d)|(bnlast))\.(.+)$/.exec(ours);
    if (!dense) return /^(np|hv|tp)\.u\d\.conv[af]\.weight$/.test(ours) ? `decoder.${ours}` : null;
    const place = `decoder.${dense[1]}.${dense[2]}.dense`;
    if (dense[4]) return `${place}.blk_bna.bn.${dense[5]}`;
    const unit = unitLayer(dense[5]!);
    if (unit === null) return null;
    return `${place}.units.${dense[3]}.${unit.layer}${unit.isNorm ? "_bn" : ""}.${unit.leaf}`;
  },
  isExtra: isTorchExtra,
};

/** HoVer-Net's TensorFlow weights (`hover_seg_….npz`, `model-….index`). */
export const HOVER_NET_TENSORPACK: WeightFamily = {
  title: "HoVer-Net's TensorFlow naming",
  marks: [...TENSORPACK_PREACT50.marks, "conv_bot/W", "conv_out_np/W"],
  kernels: "HWIO",
  colors: "RGB",
  theirs(ours) {
    if (ours === "encoder.bottom.weight") return "conv_bot/W";
    if (ours.startsWith("encoder.")) return tensorpackEncoder(ours);
    const head = /^(np|hv|tp)\.(bn|out)\.(\w+)$/.exec(ours);
    if (head) {
      const [, branch, layer, leaf] = head;
      return spellTensorpack(
        layer === "bn" ? norm(`preact_out_${branch}`, leaf!) : conv(`conv_out_${branch}`, leaf),
      );
    }
    const dense = /^(np|hv|tp)\.(u\d)\.dense\.(?:unit(\d)|(bnlast))\.(.+)$/.exec(ours);
    if (!dense) {
      const plain = /^(np|hv|tp)\.(u\d)\.(conv[af])\.weight$/.exec(ours);
      return plain ? `${plain[1]}/${plain[2]}/${plain[3]}/W` : null;
    }
    const place = `${dense[1]}/${dense[2]}/dense`;
    if (dense[4]) return spellTensorpack(norm(`${place}/blk_bna`, dense[5]!));
    const unit = unitLayer(dense[5]!);
    if (unit === null) return null;
    const scope = `${place}/blk/${dense[3]}/${unit.layer === "preact" ? "preact_bna" : unit.layer}`;
    return spellTensorpack(unit.isNorm ? norm(scope, unit.leaf) : conv(scope));
  },
  isExtra: isTensorpackExtra,
};
