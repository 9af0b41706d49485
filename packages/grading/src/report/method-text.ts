/**
 * What the report says of how nuclei were found and typed, by the model's network.
 *
 * @module
 */
import type { ModelMetadata } from "@renograde/formats";

const VOTE = "each nucleus takes the class most of its pixels voted for";
const BRANCHES =
  "two high-resolution extractors solve two easier tasks, one seen from afar (100x), one from near (400x); a fusion block gives each pixel its class";

/** One sentence for each network. */
const NETWORKS: Readonly<Record<string, string>> = {
  "chr-net": `CHR-Net (Gao et al., MICCAI 2021): W-Net segments every nucleus (binary map, distance map, watershed); ${BRANCHES}, and ${VOTE}.`,
  "mhr-udist": `CHR-Net without its binary branch (Gao et al., MICCAI 2021, MHR+UDist): a U-Net decoder gives a distance map for the watershed; ${BRANCHES}, and ${VOTE}.`,
  mhr: `CHR-Net without its segmentation branch (Gao et al., MICCAI 2021, MHR): ${BRANCHES}; nuclei are connected components, and ${VOTE}.`,
  shr: `A part of CHR-Net (Gao et al., MICCAI 2021, SHR): one high-resolution extractor gives each pixel its class; nuclei are connected components, and ${VOTE}.`,
  "u-net": `U-Net (Ronneberger et al., MICCAI 2015) with a ResNet-50: it gives each pixel its class; nuclei are connected components, and ${VOTE}.`,
  "micro-net": `Micro-Net (Raza et al., Medical Image Analysis 2019): it gives each pixel its class from the image at several sizes; nuclei are connected components, and ${VOTE}.`,
  dist: `DIST (Naylor et al., IEEE TMI 2019): it gives each pixel its distance to the nucleus' edge, flooded from its peaks by a watershed, and its class; ${VOTE}.`,
  "hover-net": `HoVer-Net (Graham et al., Medical Image Analysis 2019): it gives nuclear pixels, each one's horizontal and vertical offset from its nucleus' centre, whose jumps part touching nuclei, and its class; ${VOTE}.`,
  "mask-rcnn": `Mask R-CNN (He et al., ICCV 2017) with a ResNet-50: it finds boxes, each with its class and the mask of one nucleus.`,
};

/**
 * The sentence for a model's network; for one that is not known, its name.
 *
 * @param network - of the metadata; undefined for maps without their model
 */
export function methodText(network: ModelMetadata["network"] | undefined): string {
  const known = NETWORKS[network ?? "chr-net"];
  return known ?? `Network "${network}", exported by Renograde.`;
}
