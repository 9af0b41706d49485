import { describe, expect, it } from "vitest";
import { declareParameters } from "../shape/summary.js";
import type { NetOptions } from "./options.js";
import { createNetwork } from "./registry.js";

const names = (network: string, options?: NetOptions): string[] =>
  declareParameters(createNetwork(network, options)).map((spec) => spec.name);

/** Names of a batch norm under `prefix`. */
const bn = (prefix: string): string[] =>
  ["weight", "bias", "running_mean", "running_var"].map((leaf) => `${prefix}.${leaf}`);
const bnr = (prefix: string): string[] => [`${prefix}.conv.weight`, ...bn(`${prefix}.bn`)];
const two = (prefix: string): string[] => [
  `${prefix}.conv1.weight`,
  ...bn(`${prefix}.bn1`),
  `${prefix}.conv2.weight`,
  ...bn(`${prefix}.bn2`),
];
const gc = (prefix: string): string[] =>
  ["mask.weight", "fc1.weight", "ln.weight", "ln.bias", "fc2.weight"].map((leaf) => `${prefix}.gc.${leaf}`);
const residual = (prefix: string, short: boolean): string[] => [
  ...two(prefix),
  ...gc(prefix),
  ...(short ? [`${prefix}.short.weight`, ...bn(`${prefix}.shortBn`)] : []),
];
const out = (prefix: string): string[] => [`${prefix}.weight`, `${prefix}.bias`];

const ENCODER = [
  ...bnr("encoder.stem"),
  ...[3, 4, 6, 3].flatMap((blocks, g) =>
    Array.from({ length: blocks }, (_, b) =>
      residual(`encoder.group${g}.block${b}`, g > 0 && b === 0),
    ).flat(),
  ),
];
const unet = ["u3", "u2", "u1"].flatMap((u) => two(`unet.${u}`)).concat(out("unet.out"));
const lunet = ["d1", "d2", "d3", "u2", "u1"].flatMap((u) => two(`lunet.${u}`)).concat(out("lunet.out"));
const auxiliary = (prefix: string): string[] => [
  ...two(prefix),
  ...gc(prefix),
  ...["up", "straight", "down"].flatMap((part) => bnr(`${prefix}.${part}`)),
];
/** Scope names of spec/network.md §8; conv_img* are absent without auxiliary inputs. */
const hrfe = (prefix: string, aux: boolean): string[] =>
  [
    ...["com_11", "com_12", "com_13", "com_22", "com_24", "com_141", "com_142"],
    ...(aux ? ["conv_img12", "conv_img22", "conv_img32"] : []),
    ...["11", "12", "13", "22", "23", "33"].map((n) => `conv_straight${n}`),
    ...["11", "12", "13", "22", "23"].map((n) => `conv_down${n}`),
    ...["12", "13"].map((n) => `conv_downdown${n}`),
    "mix",
  ]
    .flatMap((scope) => bnr(`${prefix}.${scope}`))
    .concat(["11", "12", "13", "22", "23", "33"].flatMap((n) => residual(`${prefix}.groupl${n}`, false)))
    .concat(out(`${prefix}.out`));

describe("spec/network.md §15, parameter names", () => {
  it("CHR-Net", () => {
    const expected = [
      ...ENCODER,
      ...unet,
      ...lunet,
      ...auxiliary("aux100"),
      ...auxiliary("aux400"),
      ...hrfe("hrfe1", true),
      ...hrfe("hrfe2", true),
      ...out("fuse.out"),
    ];
    expect(names("chr-net").sort()).toEqual(expected.sort());
  });

  it("MHR+UDist has the distance head in unet.out", () => {
    const specs = declareParameters(createNetwork("mhr-udist"));
    expect(specs.find((spec) => spec.name === "unet.out.weight")?.shape).toEqual([1, 64, 1, 1]);
    expect(specs.some((spec) => spec.name.startsWith("lunet"))).toBe(false);
  });

  it("MHR is CHR-Net without unet and lunet", () => {
    expect(names("mhr")).toEqual(names("chr-net").filter((name) => !/^(lu|u)net\./.test(name)));
  });

  it("SHR is the encoder and hrfe1 without Mix, with a head of five classes", () => {
    expect(names("shr").sort()).toEqual([...ENCODER, ...hrfe("hrfe1", false)].sort());
    const specs = declareParameters(createNetwork("shr"));
    expect(specs.find((spec) => spec.name === "hrfe1.out.weight")?.shape).toEqual([5, 256, 1, 1]);
  });

  it("auxBlock res adds short and shortBn to both auxiliary encoders", () => {
    const extra = new Set(names("chr-net", { auxBlock: "res" }));
    for (const name of names("chr-net")) extra.delete(name);
    const shortcut = (prefix: string): string[] => [`${prefix}.short.weight`, ...bn(`${prefix}.shortBn`)];
    expect([...extra].sort()).toEqual([...shortcut("aux100"), ...shortcut("aux400")].sort());
  });
});
