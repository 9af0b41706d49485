/**
 * All networks by name.
 *
 * @module
 */
import { UsageError } from "@renograde/core";
import { createChrNetwork } from "./chr-family.js";
import { type ChrForward, chrNet, mhr, mhrUDist, shr } from "./chr-net.js";
import { createDist } from "./dist.js";
import { createHoverNet } from "./hover-net.js";
import { createMaskRcnn } from "./mask-rcnn/mask-rcnn.js";
import { createMicroNet } from "./micro-net.js";
import type { Network } from "./network.js";
import { type NetOptions, resolveNetOptions } from "./options.js";
import { createUNet } from "./u-net.js";

/** An entry of the registry. */
export interface NetworkDefinition {
  readonly name: string;
  /** One line for lists and summaries. */
  readonly title: string;
  /** Settles the options. @throws UsageError, DataError for impossible ones */
  create(options?: NetOptions): Network;
}

function chrMember(
  name: string,
  title: string,
  forward: ChrForward,
  has: { binary: boolean; tasks: boolean; distance: boolean },
): NetworkDefinition {
  return {
    name,
    title,
    create: (options) => createChrNetwork({ name, forward, ...has }, resolveNetOptions(options)),
  };
}

/** The networks, in the order lists show them. */
export const networks: ReadonlyMap<string, NetworkDefinition> = new Map(
  [
    chrMember("chr-net", "CHR-Net (MHR+WDist), Gao et al., MICCAI 2021", chrNet, {
      binary: true,
      tasks: true,
      distance: true,
    }),
    chrMember("mhr-udist", "Table 2: MHR with a U-Net distance branch", mhrUDist, {
      binary: false,
      tasks: true,
      distance: true,
    }),
    chrMember("mhr", "Table 2: two high-resolution extractors, no segmentation branch", mhr, {
      binary: false,
      tasks: true,
      distance: false,
    }),
    chrMember("shr", "Table 2: one high-resolution extractor", shr, {
      binary: false,
      tasks: false,
      distance: false,
    }),
    {
      name: "u-net",
      title: "U-Net on a ResNet-50, baseline of Table 1",
      create: (options?: NetOptions) => createUNet("u-net", resolveNetOptions(options)),
    },
    {
      name: "mask-rcnn",
      title: "Mask R-CNN on a ResNet-50 with feature pyramid, baseline of Table 1",
      create: (options?: NetOptions) => createMaskRcnn("mask-rcnn", resolveNetOptions(options)),
    },
    {
      name: "micro-net",
      title: "Micro-Net, Raza et al., Medical Image Analysis 2019",
      create: (options?: NetOptions) => createMicroNet("micro-net", resolveNetOptions(options)),
    },
    {
      name: "dist",
      title: "DIST, Naylor et al., IEEE TMI 2019",
      create: (options?: NetOptions) => createDist("dist", resolveNetOptions(options)),
    },
    {
      name: "hover-net",
      title: "HoVer-Net, Graham et al., Medical Image Analysis 2019",
      create: (options?: NetOptions) => createHoverNet("hover-net", resolveNetOptions(options)),
    },
  ].map((definition) => [definition.name, definition]),
);

/**
 * Creates a network by name.
 *
 * @throws UsageError for an unknown name, listing the known ones
 * @example
 * const network = createNetwork("chr-net", { width: 0.5 });
 */
export function createNetwork(name: string, options?: NetOptions): Network {
  const definition = networks.get(name);
  if (!definition) {
    throw new UsageError(`unknown network "${name}"; known are ${[...networks.keys()].join(", ")}`);
  }
  return definition.create(options);
}
