/**
 * A synthetic nucleus: an outline, chromatin and nucleoli, drawn so that its grade is what the ISUP/WHO rule looks
 * at: nucleolus absent or inconspicuous (grade 1), visible at 400x only (grade 2), visible at 100x (grade 3).
 *
 * @module
 */
import type { Random } from "@renograde/core";

/** Class id of grade 1, as in RCCNucSeg. */
export const GRADE_1 = 1;
/** Class id of grade 2. */
export const GRADE_2 = 2;
/** Class id of grade 3. */
export const GRADE_3 = 3;
/** Class id of endothelial nuclei. */
export const ENDOTHELIAL = 4;

/** A nucleolus; position in pixels from the nucleus' centre, in the image's axes. */
export interface Nucleolus {
  readonly dx: number;
  readonly dy: number;
  readonly radiusPx: number;
  /** Optical density of haematoxylin added in its middle. */
  readonly strength: number;
}

/** A nucleus before it is drawn. Lengths in pixels. */
export interface NucleusModel {
  readonly x: number;
  readonly y: number;
  /** 1 to 3 grade, 4 endothelial. */
  readonly type: number;
  /** Semi-axes of the ellipse its outline follows. */
  readonly a: number;
  readonly b: number;
  /** Direction of the long axis as cosine and sine. */
  readonly cos: number;
  readonly sin: number;
  /** The long axis is the parabola v = bend · u²; 1/px. */
  readonly bend: number;
  /** Outline in the ellipse's own scale: 1 + Σ c_k cos kθ + s_k sin kθ for k = 2 … 5, c and s alternating. */
  readonly outline: Float64Array;
  /** Haematoxylin of the nucleoplasm, of the rim, and the relative strength of the chromatin's grain. */
  readonly chromatin: number;
  readonly rim: number;
  readonly grain: number;
  /** Mixture of the fine (0) and the coarse (1) chromatin texture, and an offset into them. */
  readonly coarseness: number;
  readonly textureX: number;
  readonly textureY: number;
  /** Softness of the edge in pixels: above 1 the nucleus lies out of focus. */
  readonly softness: number;
  readonly nucleoli: readonly Nucleolus[];
}

/** Largest distance of the outline from the centre, with its soft edge, in pixels. */
export function reachOf(nucleus: NucleusModel): number {
  return nucleus.a * 1.35 + Math.abs(nucleus.bend) * nucleus.a * nucleus.a + nucleus.softness + 2;
}

/** Of one class: sizes in µm, shapes and densities as mean and standard deviation or as range. */
interface Look {
  readonly diameterUm: readonly [number, number];
  readonly diameterRangeUm: readonly [number, number];
  readonly aspect: readonly [number, number];
  readonly irregularity: number;
  readonly chromatin: readonly [number, number];
  readonly rim: readonly [number, number];
  readonly grain: readonly [number, number];
  readonly coarseness: readonly [number, number];
}

const LOOKS: Readonly<Record<number, Look>> = {
  [GRADE_1]: {
    diameterUm: [6.9, 0.6],
    diameterRangeUm: [5.4, 8.6],
    aspect: [1.02, 1.32],
    irregularity: 0.022,
    chromatin: [0.72, 1.12],
    rim: [0.2, 0.5],
    grain: [0.14, 0.24],
    coarseness: [0.1, 0.6],
  },
  [GRADE_2]: {
    diameterUm: [8.7, 0.8],
    diameterRangeUm: [7, 11],
    aspect: [1.05, 1.42],
    irregularity: 0.034,
    chromatin: [0.52, 0.78],
    rim: [0.3, 0.5],
    grain: [0.18, 0.28],
    coarseness: [0.3, 0.8],
  },
  [GRADE_3]: {
    diameterUm: [11.4, 1.2],
    diameterRangeUm: [9, 15],
    aspect: [1.08, 1.5],
    irregularity: 0.05,
    chromatin: [0.36, 0.58],
    rim: [0.45, 0.7],
    grain: [0.2, 0.32],
    coarseness: [0.5, 1],
  },
  [ENDOTHELIAL]: {
    diameterUm: [5, 0.5],
    diameterRangeUm: [4, 6.4],
    aspect: [2.0, 4.2],
    irregularity: 0.02,
    chromatin: [0.78, 1.2],
    rim: [0.05, 0.2],
    grain: [0.14, 0.24],
    coarseness: [0, 0.5],
  },
};

/** Where a nucleus goes and how it lies. */
export interface Pose {
  readonly x: number;
  readonly y: number;
  /** Long axis in radians. */
  readonly angle: number;
  /** See {@link NucleusModel.bend}; 0 for tumour nuclei. */
  readonly bend?: number;
}

/** Semi-axes of a nucleus to be, in pixels: the equal-area diameter spread over the aspect ratio. */
export function drawSize(random: Random, type: number, mpp: number): { a: number; b: number } {
  const look = LOOKS[type]!;
  const [low, high] = look.diameterRangeUm;
  const diameter = Math.min(high, Math.max(low, random.normal(look.diameterUm[0], look.diameterUm[1])));
  const aspect = Math.sqrt(random.uniform(look.aspect[0], look.aspect[1]));
  const radius = diameter / 2 / mpp;
  return { a: radius * aspect, b: radius / aspect };
}

function drawNucleoli(
  random: Random,
  type: number,
  mpp: number,
  a: number,
  b: number,
  pose: Pose,
): Nucleolus[] {
  if (type !== GRADE_2 && type !== GRADE_3) return [];
  const count = random.chance(type === GRADE_3 ? 0.12 : 0.2) ? 2 : 1;
  const nucleoli: Nucleolus[] = [];
  const turn = random.uniform(0, 2 * Math.PI);
  for (let i = 0; i < count; i++) {
    const diameterUm =
      type === GRADE_3 ? random.uniform(2.6, 3.7) * (i === 0 ? 1 : 0.75) : random.uniform(0.9, 1.15);
    const distance = count === 1 ? random.uniform(0, 0.32) : random.uniform(0.32, 0.42);
    const u = distance * a * Math.cos(turn + i * Math.PI);
    const v = distance * b * Math.sin(turn + i * Math.PI);
    const cos = Math.cos(pose.angle);
    const sin = Math.sin(pose.angle);
    nucleoli.push({
      dx: u * cos - v * sin,
      dy: u * sin + v * cos,
      radiusPx: diameterUm / 2 / mpp,
      strength: type === GRADE_3 ? random.uniform(0.95, 1.25) : random.uniform(0.75, 0.95),
    });
  }
  return nucleoli;
}

/**
 * Draws a nucleus of a class.
 *
 * @param size - of {@link drawSize}
 */
export function drawNucleus(
  random: Random,
  type: number,
  size: { readonly a: number; readonly b: number },
  pose: Pose,
  mpp: number,
): NucleusModel {
  const look = LOOKS[type]!;
  const outline = new Float64Array(8);
  for (let k = 0; k < 4; k++) {
    outline[2 * k] = random.normal(0, look.irregularity / (1 + 0.35 * k));
    outline[2 * k + 1] = random.normal(0, look.irregularity / (1 + 0.35 * k));
  }
  // Endothelial nuclei are spindles: longer and pointed at both ends.
  if (type === ENDOTHELIAL) outline[0] = outline[0]! + 0.1;
  const between = (range: readonly [number, number]): number => random.uniform(range[0], range[1]);
  const outOfFocus = (type === GRADE_1 || type === ENDOTHELIAL) && random.chance(0.12);
  return {
    x: pose.x,
    y: pose.y,
    type,
    a: size.a,
    b: size.b,
    cos: Math.cos(pose.angle),
    sin: Math.sin(pose.angle),
    bend: pose.bend ?? 0,
    outline,
    chromatin: between(look.chromatin) * (outOfFocus ? 0.7 : 1),
    rim: between(look.rim) * (outOfFocus ? 0 : 1),
    grain: between(look.grain) * (outOfFocus ? 0.4 : 1),
    coarseness: between(look.coarseness),
    textureX: random.int(0, 255),
    textureY: random.int(0, 255),
    softness: (outOfFocus ? random.uniform(0.6, 0.9) : random.uniform(0.2, 0.35)) / mpp,
    nucleoli: drawNucleoli(random, type, mpp, size.a, size.b, pose),
  };
}

/**
 * Signed distance of a point from the outline in pixels, to first order: positive inside.
 *
 * @param dx - point minus the nucleus' centre
 */
export function depthInside(nucleus: NucleusModel, dx: number, dy: number): number {
  const u = dx * nucleus.cos + dy * nucleus.sin;
  const v = dy * nucleus.cos - dx * nucleus.sin - nucleus.bend * u * u;
  const p = u / nucleus.a;
  const q = v / nucleus.b;
  const rho = Math.sqrt(p * p + q * q);
  if (rho < 1e-6) return nucleus.b;
  if (rho > 1.6) return (1.2 - rho) * nucleus.b;
  const c = p / rho;
  const s = q / rho;
  const c2 = c * c - s * s;
  const s2 = 2 * c * s;
  const c3 = c2 * c - s2 * s;
  const s3 = s2 * c + c2 * s;
  const c4 = c2 * c2 - s2 * s2;
  const s4 = 2 * c2 * s2;
  const o = nucleus.outline;
  const edge =
    1 +
    o[0]! * c2 +
    o[1]! * s2 +
    o[2]! * c3 +
    o[3]! * s3 +
    o[4]! * c4 +
    o[5]! * s4 +
    o[6]! * (c4 * c - s4 * s) +
    o[7]! * (s4 * c + c4 * s);
  const gu = p / nucleus.a;
  const gv = q / nucleus.b;
  return ((edge - rho) * rho) / Math.sqrt(gu * gu + gv * gv);
}
