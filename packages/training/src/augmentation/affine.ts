/**
 * The affine map of spec/training.md §6 step 1: scale, rotation, shear and shift about the centre of the window.
 *
 * @module
 */

/** Parameters of an affine map. */
export interface AffineParameters {
  /** Isotropic; above 1 enlarges. */
  readonly scale: number;
  /** Degrees. */
  readonly rotation: number;
  /** Degrees. */
  readonly shear: number;
  /** Whole pixels. */
  readonly shiftX: number;
  readonly shiftY: number;
}

/** x' = a·x + b·y + tx, y' = c·x + d·y + ty. */
export interface AffineMatrix {
  readonly a: number;
  readonly b: number;
  readonly tx: number;
  readonly c: number;
  readonly d: number;
  readonly ty: number;
}

const radians = (degrees: number): number => (degrees * Math.PI) / 180;

/**
 * The forward map, from input to output pixels: α = s·cos θ, β = s·sin θ, A = [[α, β], [−β, α]], then
 * A01 ← A01·cos φ + A00·sin φ and A11 ← A11·cos φ + A10·sin φ; the centre c = (window/2 − 0.5, same) goes to
 * c + shift.
 *
 * @param window - side of the window, px
 */
export function affineMatrix(parameters: AffineParameters, window: number): AffineMatrix {
  const { scale, rotation, shear, shiftX, shiftY } = parameters;
  const alpha = scale * Math.cos(radians(rotation));
  const beta = scale * Math.sin(radians(rotation));
  const [cos, sin] = [Math.cos(radians(shear)), Math.sin(radians(shear))];
  const [a, b, c, d] = [alpha, beta * cos + alpha * sin, -beta, alpha * cos - beta * sin];
  const centre = window / 2 - 0.5;
  return {
    a,
    b,
    tx: centre - a * centre - b * centre + shiftX,
    c,
    d,
    ty: centre - c * centre - d * centre + shiftY,
  };
}

/** The map back: A⁻¹(q − t). */
export function invertAffine({ a, b, tx, c, d, ty }: AffineMatrix): AffineMatrix {
  const determinant = a * d - b * c;
  const inverse = { a: d / determinant, b: -b / determinant, c: -c / determinant, d: a / determinant };
  return {
    ...inverse,
    tx: -(inverse.a * tx + inverse.b * ty),
    ty: -(inverse.c * tx + inverse.d * ty),
  };
}
