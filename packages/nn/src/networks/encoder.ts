/**
 * Backbone: ResNet-34 with global context, stem at stride 1 and no max-pool (spec/network.md §4).
 *
 * @module
 */
import type { Backend } from "../backend.js";
import { convBnRelu } from "../layers/conv.js";
import { residualBlock } from "../layers/residual-block.js";
import type { FreezeOptions } from "./freeze.js";
import { type ResolvedNetOptions, scaleChannels } from "./options.js";

/** The backbone's four maps; 64, 128, 256, 512 channels at 1, 1/2, 1/4, 1/8 of the output side. */
export interface BackboneMaps<T> {
  readonly d1: T;
  readonly d2: T;
  readonly d3: T;
  readonly d4: T;
}

/** Channels and number of blocks of each group. */
const GROUPS = [
  { channels: 64, blocks: 3 },
  { channels: 128, blocks: 4 },
  { channels: 256, blocks: 6 },
  { channels: 512, blocks: 3 },
] as const;

/**
 * The backbone: stem, then four groups of residual blocks with global context.
 *
 * @param image `[N, 3, H+6, W+6]`, RGB in 0…1
 * @returns d1 … d4, taken after the last ReLU of each group
 */
export function encoder<T>(
  F: Backend<T>,
  image: T,
  net: ResolvedNetOptions,
  freeze: FreezeOptions,
): BackboneMaps<T> {
  const frozenRunning = freeze.bn === "running";
  const stemOut = scaleChannels(64, net.width);
  let x = convBnRelu(
    F.scope("stem"),
    image,
    { in: 3, out: stemOut, kernel: 7, padding: [0, 0, 0, 0] },
    { useRunning: frozenRunning && freeze.scope === "encoder" },
  );
  const maps: T[] = [];
  let cin = stemOut;
  GROUPS.forEach((group, g) => {
    const out = scaleChannels(group.channels, net.width);
    for (let b = 0; b < group.blocks; b++) {
      x = residualBlock(F.scope(`group${g}`).scope(`block${b}`), x, {
        in: cin,
        out,
        stride: g > 0 && b === 0 ? 2 : 1,
        stridePadding: net.stridePadding,
        gcInit: net.gcInit,
        relu: net.resRelu === "block" || b === group.blocks - 1,
        cutBranch: freeze.scope === "reference",
        useRunning: frozenRunning && freeze.scope !== "none",
      });
      cin = out;
    }
    // The authors cut d2, d3, d4 for all consumers but not d1; freezing the whole encoder cuts every map.
    if (freeze.scope === "reference" && g > 0) x = F.detach(x);
    maps.push(x);
  });
  const cut = (map: T): T => (freeze.scope === "encoder" ? F.detach(map) : map);
  const [d1, d2, d3, d4] = maps.map(cut);
  return { d1: d1!, d2: d2!, d3: d3!, d4: d4! };
}
