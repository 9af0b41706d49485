/**
 * Stain normalisation of Macenko et al., A method for normalizing histology slides for quantitative analysis (2009),
 * with the constants of M. Veta's public implementation: glass 240, α = 1 %, β = 0.15, natural logarithms of
 * (byte + 1) / 240.
 *
 * @module
 */
import { densityTable, type Matrix3, multiplyMatrix3, type Triple, transformDensities } from "./densities.js";
import { principalPlane } from "./principal-plane.js";
import { GLASS_BYTE, LEAST_TISSUE, samplePixels } from "./tissue.js";

/** The stains of an image. */
export interface MacenkoProfile {
  /** Unit optical densities (red, green, blue) of haematoxylin and of eosin. */
  readonly stains: readonly [Triple, Triple];
  /** 99th percentile of the amount of each stain. */
  readonly amounts: readonly [number, number];
}

/** The reference of M. Veta's implementation, which most others have taken over. */
export const MACENKO_REFERENCE: MacenkoProfile = {
  stains: [
    [0.5626, 0.7201, 0.4062],
    [0.2159, 0.8012, 0.5581],
  ],
  amounts: [1.9705, 1.0308],
};

const SCALE = { white: GLASS_BYTE, plus: 1 };
/** Percent of the pixels beyond each of the extreme angles, and above the amount that counts as the most. */
const EXTREME = 1;
/** Stains whose directions differ by less (sine of the angle) cannot be told apart. */
const LEAST_SINE = 0.02;

/** Percentile of sorted numbers, interpolated linearly as `numpy.percentile`. */
function percentile(sorted: Float64Array, percent: number): number {
  const at = ((sorted.length - 1) * percent) / 100;
  const below = Math.floor(at);
  const above = Math.min(below + 1, sorted.length - 1);
  return sorted[below]! + (sorted[above]! - sorted[below]!) * (at - below);
}

/** The 2 × 3 matrix that gives the amounts of two stains closest to a density (least squares), as rows. */
function amountsMatrix([h, e]: MacenkoProfile["stains"]): readonly [Triple, Triple] {
  const dot = (a: Triple, b: Triple): number => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
  const [hh, he, ee] = [dot(h, h), dot(h, e), dot(e, e)];
  const determinant = hh * ee - he * he;
  const row = (a: number, b: number): Triple => [
    (a * h[0] + b * e[0]) / determinant,
    (a * h[1] + b * e[1]) / determinant,
    (a * h[2] + b * e[2]) / determinant,
  ];
  return [row(ee, -he), row(-he, hh)];
}

/**
 * Finds the stains of an image: extreme directions of its tissue's densities in the plane of their two greatest
 * variances. The stain with more red density is haematoxylin.
 *
 * @param rgb - interleaved bytes
 * @returns null when there is too little tissue ({@link LEAST_TISSUE}) or only one stain in it
 */
export function measureMacenko(rgb: Uint8Array): MacenkoProfile | null {
  const { all, tissue } = samplePixels(rgb);
  if (tissue.length < 3 || tissue.length < LEAST_TISSUE * all.length) return null;
  const table = densityTable(SCALE);
  const density = (p: number): Triple => [table[rgb[p]!]!, table[rgb[p + 1]!]!, table[rgb[p + 2]!]!];
  const [first, second] = principalPlane(tissue, density);
  const angles = Float64Array.from(tissue, (p) => {
    const [r, g, b] = density(p);
    return Math.atan2(
      r * second[0] + g * second[1] + b * second[2],
      r * first[0] + g * first[1] + b * first[2],
    );
  }).sort();
  const direction = (angle: number): Triple => {
    const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
    return [
      first[0] * cos + second[0] * sin,
      first[1] * cos + second[1] * sin,
      first[2] * cos + second[2] * sin,
    ];
  };
  const least = percentile(angles, EXTREME);
  const most = percentile(angles, 100 - EXTREME);
  if (!(Math.abs(Math.sin(most - least)) >= LEAST_SINE)) return null;
  const [one, other] = [direction(least), direction(most)];
  const stains: MacenkoProfile["stains"] = one[0] > other[0] ? [one, other] : [other, one];
  const amounts = amountsMatrix(stains).map((row) =>
    percentile(
      Float64Array.from(all, (p) => {
        const [r, g, b] = density(p);
        return row[0] * r + row[1] * g + row[2] * b;
      }).sort(),
      100 - EXTREME,
    ),
  ) as [number, number];
  return amounts[0] > 0 && amounts[1] > 0 ? { stains, amounts } : null;
}

/**
 * Gives an image with the stains of `source` those of `target`: the amounts of each stain are scaled so that their
 * 99th percentiles agree, and mixed with the target's colours.
 *
 * @param rgb - interleaved bytes
 * @returns new bytes, rounded and clipped
 */
export function normalizeMacenko(
  rgb: Uint8Array,
  source: MacenkoProfile,
  target: MacenkoProfile = MACENKO_REFERENCE,
): Uint8Array {
  const [h, e] = amountsMatrix(source.stains);
  const [th, te] = target.stains;
  const [sh, se] = [target.amounts[0] / source.amounts[0], target.amounts[1] / source.amounts[1]];
  const colours: Matrix3 = [th[0] * sh, te[0] * se, 0, th[1] * sh, te[1] * se, 0, th[2] * sh, te[2] * se, 0];
  const matrix = multiplyMatrix3(colours, [...h, ...e, 0, 0, 0]);
  return transformDensities(rgb, matrix, [0, 0, 0], SCALE);
}
