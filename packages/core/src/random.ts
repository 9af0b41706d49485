/**
 * Seeded random numbers that are the same on every machine and in every version: sfc32 seeded by a hash of a
 * key, so that each (seed, epoch, sample) has a stream of its own (spec/training.md §10).
 *
 * @module
 */

/** A stream of random numbers. */
export interface Random {
  /** Next number, uniform in [0, 1), 32 bits of resolution. */
  next(): number;
  /** Uniform in [low, high). */
  uniform(low: number, high: number): number;
  /** Uniform integer in low … high, both included. */
  int(low: number, high: number): number;
  /** Normal with the given mean and standard deviation (Box–Muller). */
  normal(mean?: number, sd?: number): number;
  /** True with probability p. */
  chance(p: number): boolean;
  /** Shuffles in place (Fisher–Yates) and returns the same array. */
  shuffle<A extends number[] | Int32Array | Uint32Array>(items: A): A;
}

/** Avalanche of a 32-bit integer (murmur3 finaliser). */
function mix32(h: number): number {
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/**
 * Creates the stream of a key. Different keys give independent streams.
 *
 * @param key - any integers and strings, for instance `createRandom(seed, "augment", epoch, sample)`
 */
export function createRandom(...key: (number | string)[]): Random {
  let h = 0x9e3779b9;
  for (const part of key) {
    const text = typeof part === "number" ? `n${part}` : `s${part}`;
    for (let i = 0; i < text.length; i++) h = mix32(h ^ text.charCodeAt(i)) ^ 0x5bd1e995;
    h = mix32(h + 0x7f4a7c15);
  }
  let a = mix32(h + 1);
  let b = mix32(h + 2);
  let c = mix32(h + 3);
  let counter = 1;
  const bits = (): number => {
    const t = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (c << 21) | (c >>> 11);
    c = (c + t) | 0;
    return t >>> 0;
  };
  for (let i = 0; i < 12; i++) bits();
  const next = (): number => bits() / 4294967296;
  const int = (low: number, high: number): number => low + Math.floor(next() * (high - low + 1));
  return {
    next,
    uniform: (low, high) => low + (high - low) * next(),
    int,
    normal: (mean = 0, sd = 1) => {
      const u = 1 - next();
      return mean + sd * Math.sqrt(-2 * Math.log(u)) * Math.cos(2 * Math.PI * next());
    },
    chance: (p) => next() < p,
    shuffle: (items) => {
      for (let i = items.length - 1; i > 0; i--) {
        const j = int(0, i);
        const swap = items[i]!;
        items[i] = items[j]!;
        items[j] = swap;
      }
      return items;
    },
  };
}
