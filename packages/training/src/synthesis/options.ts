/**
 * What a synthetic section can be asked for, and the appearance drawn for what was left open.
 *
 * @module
 */
import { createRandom, UsageError } from "@renograde/core";

/** Unit vector of a stain's optical density in red, green and blue. */
export type StainVector = readonly [number, number, number];

/** The two dyes of a section. */
export interface SectionStain {
  readonly haematoxylin: StainVector;
  readonly eosin: StainVector;
  /** Multiplies all haematoxylin; 1 is usual, about 0.7 to 1.4. */
  readonly haematoxylinStrength: number;
  /** Multiplies all eosin; 1 is usual, about 0.6 to 1.5. */
  readonly eosinStrength: number;
}

/** Shares of the grades among tumour nuclei; any non-negative numbers, used relative to their sum. */
export interface GradeMix {
  readonly g1: number;
  readonly g2: number;
  readonly g3: number;
}

/** Options of `synthesizeSection`. Whatever is left out is drawn from the seed. */
export interface SectionOptions {
  /** Pixels, 64 to 8192. */
  readonly width: number;
  /** Pixels, 64 to 8192. */
  readonly height: number;
  /** Any integer; the same seed gives the same section on every machine. */
  readonly seed: number;
  /** Micrometres per pixel, 0.125 to 1; default 0.25 (40x objective). */
  readonly mpp?: number;
  /** Default {@link RCC_GRADE_MIX}. */
  readonly gradeMix?: GradeMix;
  /** Where this section stands among all sections, from low grade (0) to high grade (1), both excluded. */
  readonly gradeLevel?: number;
  /** Nuclei relative to RCCNucSeg's 70.9 per 512 x 512 px at 0.25 µm/px; 0.4 to 1.5, default 1. */
  readonly density?: number;
  readonly stain?: Partial<SectionStain>;
  /** Standard deviation of the optical blur, µm at the section; 0 to 2, drawn from 0.12 to 0.28. */
  readonly blurUm?: number;
  /** Standard deviation of the camera noise in grey levels; 0 to 20, drawn from 1 to 3. */
  readonly noise?: number;
  /** Strength of uneven illumination, share of full light lost at the darkest side; 0 to 0.5, drawn from 0 to 0.08. */
  readonly shading?: number;
  /** Quality of the JPEG loss, 1 to 100 (none); drawn from 72 to 96. */
  readonly jpegQuality?: number;
}

/** {@link SectionOptions} with nothing left open. */
export interface ResolvedSectionOptions extends Required<Omit<SectionOptions, "stain">> {
  readonly stain: SectionStain;
}

/** Grades among the 54,293 tumour nuclei of RCCNucSeg (spec/data.md §1). */
export const RCC_GRADE_MIX: GradeMix = { g1: 45108 / 54293, g2: 6406 / 54293, g3: 2779 / 54293 };

/** Endothelial nuclei per tumour nucleus in RCCNucSeg (spec/data.md §1). */
export const ENDOTHELIAL_PER_TUMOUR = 16652 / 54293;

/** Dye pairs seen in practice (rows: Macenko et al. 2009; Ruifrok and Johnston 2001, softened; a bluish scanner). */
const DYES: readonly { readonly h: StainVector; readonly e: StainVector }[] = [
  { h: [0.5626, 0.7201, 0.4062], e: [0.2159, 0.8012, 0.5581] },
  { h: [0.6443, 0.7167, 0.2669], e: [0.1433, 0.9305, 0.3371] },
  { h: [0.5002, 0.7412, 0.4476], e: [0.2743, 0.8233, 0.4969] },
];

function unit(v: readonly number[]): StainVector {
  const norm = Math.sqrt(v[0]! * v[0]! + v[1]! * v[1]! + v[2]! * v[2]!);
  return [v[0]! / norm, v[1]! / norm, v[2]! / norm];
}

/** Draws dyes as a random mixture of known pairs, with a little jitter. */
function drawStain(seed: number): SectionStain {
  const random = createRandom(seed, "stain");
  const weights = DYES.map(() => {
    const weight = random.next();
    return weight * weight + 0.02;
  });
  const blend = (pick: (dye: (typeof DYES)[number]) => StainVector): StainVector =>
    unit(
      [0, 1, 2].map(
        (c) =>
          DYES.reduce((sum, dye, i) => sum + weights[i]! * pick(dye)[c]!, 0) * (1 + random.normal(0, 0.03)),
      ),
    );
  return {
    haematoxylin: blend((dye) => dye.h),
    eosin: blend((dye) => dye.e),
    haematoxylinStrength: random.uniform(0.82, 1.25),
    eosinStrength: random.uniform(0.7, 1.3),
  };
}

function check(name: string, value: number, low: number, high: number, whole = false): void {
  if (!(value >= low && value <= high) || (whole && !Number.isInteger(value))) {
    throw new UsageError(
      `${name} of a synthetic section must be ${whole ? "a whole number" : "a number"} from ${low} to ${high}, received ${value}`,
    );
  }
}

/**
 * Checks the options and draws what was left open.
 *
 * @throws UsageError that names the option, its range and what was received
 */
export function resolveSectionOptions(options: SectionOptions): ResolvedSectionOptions {
  const random = createRandom(options.seed, "appearance");
  const drawn = {
    gradeLevel: random.uniform(0.001, 0.999),
    blurUm: random.uniform(0.12, 0.28),
    noise: random.uniform(1, 3),
    shading: random.uniform(0, 0.08),
    jpegQuality: random.int(72, 96),
  };
  const resolved: ResolvedSectionOptions = {
    width: options.width,
    height: options.height,
    seed: options.seed,
    mpp: options.mpp ?? 0.25,
    gradeMix: options.gradeMix ?? RCC_GRADE_MIX,
    gradeLevel: options.gradeLevel ?? drawn.gradeLevel,
    density: options.density ?? 1,
    stain: { ...drawStain(options.seed), ...options.stain },
    blurUm: options.blurUm ?? drawn.blurUm,
    noise: options.noise ?? drawn.noise,
    shading: options.shading ?? drawn.shading,
    jpegQuality: options.jpegQuality ?? drawn.jpegQuality,
  };
  check("width", resolved.width, 64, 8192, true);
  check("height", resolved.height, 64, 8192, true);
  check("seed", resolved.seed, Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER, true);
  check("mpp", resolved.mpp, 0.125, 1);
  check("gradeLevel", resolved.gradeLevel, 0.0001, 0.9999);
  check("density", resolved.density, 0.4, 1.5);
  check("blurUm", resolved.blurUm, 0, 2);
  check("noise", resolved.noise, 0, 20);
  check("shading", resolved.shading, 0, 0.5);
  check("jpegQuality", resolved.jpegQuality, 1, 100);
  const { g1, g2, g3 } = resolved.gradeMix;
  if (!(g1 >= 0 && g2 >= 0 && g3 >= 0 && g1 + g2 + g3 > 0)) {
    throw new UsageError(
      `gradeMix of a synthetic section must be three non-negative shares that are not all 0, received ${g1}, ${g2}, ${g3}`,
    );
  }
  return resolved;
}
