import { SslError } from './errors.js';

/**
 * Seeded random numbers that split: `fork` gives an independent stream that depends only on the seed and the path of labels,
 * never on how many numbers were drawn elsewhere. A step's draws come from `rng.fork('plugins/ft').fork(step)`, so
 * that a resumed run, another number of workers or a plug-in switched off does not move anybody's numbers.
 *
 * Philox4x32-10 (Salmon et al. 2011, "Parallel Random Numbers: As Easy as 1, 2, 3") keyed by the path, counted per stream.
 */
export class Rng {
  readonly #k0: number;
  readonly #k1: number;
  #counter = 0;
  readonly #block = new Uint32Array(4);
  #used = 4;
  #spareNormal: number | undefined;

  private constructor(k0: number, k1: number) {
    this.#k0 = k0;
    this.#k1 = k1;
  }

  /** The root stream. @param seed integer in [0, 2^53). */
  static create(seed: number): Rng {
    if (!Number.isSafeInteger(seed) || seed < 0) {
      throw new SslError('BAD_OPTION', `seed is ${seed}, but it must be an integer from 0 to 2^53 − 1.`);
    }
    return new Rng(seed >>> 0, Math.floor(seed / 2 ** 32) >>> 0);
  }

  /** The 64-bit key of this stream as two unsigned words, for kernels that run Philox themselves. */
  get key(): readonly [number, number] {
    return [this.#k0, this.#k1];
  }

  /** An independent stream named by `label`. */
  fork(label: string | number): Rng {
    // The label's hash is encrypted under this stream's key, with a counter domain that drawing never reaches.
    const text = typeof label === 'number' || label.startsWith('#') ? `#${label}` : label;
    let a = 0x811c9dc5;
    let b = 0x9747b28c;
    for (let i = 0; i < text.length; i++) {
      const c = text.charCodeAt(i);
      a = Math.imul(a ^ c, 0x01000193) >>> 0;
      b = Math.imul(b ^ (c + i), 0x85ebca6b) >>> 0;
      b = ((b << 13) | (b >>> 19)) >>> 0;
    }
    const out = philox(a, b, text.length, 0xf0f0f0f0, this.#k0, this.#k1, new Uint32Array(4));
    return new Rng(out[0]!, out[1]!);
  }

  /** 32 random bits. */
  bits(): number {
    if (this.#used === 4) {
      philox(this.#counter >>> 0, Math.floor(this.#counter / 2 ** 32), 0, 0, this.#k0, this.#k1, this.#block);
      this.#counter++;
      this.#used = 0;
    }
    return this.#block[this.#used++]!;
  }

  /** Uniform in [low, high), 53 random bits. */
  uniform(low = 0, high = 1): number {
    const unit = ((this.bits() >>> 5) * 67108864 + (this.bits() >>> 6)) / 9007199254740992;
    return low + (high - low) * unit;
  }

  /** Uniform integer in [0, n), without modulo bias. */
  integer(n: number): number {
    if (!Number.isInteger(n) || n < 1 || n > 2 ** 32)
      throw new SslError('BAD_OPTION', `integer(n): n is ${n}, but it must be an integer from 1 to 2^32.`);
    const limit = 2 ** 32 - (2 ** 32 % n);
    for (;;) {
      const x = this.bits();
      if (x < limit) return x % n;
    }
  }

  /** Standard normal (polar method). */
  normal(): number {
    if (this.#spareNormal !== undefined) {
      const value = this.#spareNormal;
      this.#spareNormal = undefined;
      return value;
    }
    for (;;) {
      const u = 2 * this.uniform() - 1;
      const v = 2 * this.uniform() - 1;
      const s = u * u + v * v;
      if (s >= 1 || s === 0) continue;
      const f = Math.sqrt((-2 * Math.log(s)) / s);
      this.#spareNormal = v * f;
      return u * f;
    }
  }

  /** Gamma(shape, 1), shape > 0 (Marsaglia and Tsang 2000; boosted for shape < 1). */
  gamma(shape: number): number {
    if (!(shape > 0)) throw new SslError('BAD_OPTION', `gamma(shape): shape is ${shape}, but it must be > 0.`);
    if (shape < 1) return this.gamma(shape + 1) * (1 - this.uniform()) ** (1 / shape);
    const d = shape - 1 / 3;
    const c = 1 / Math.sqrt(9 * d);
    for (;;) {
      const x = this.normal();
      const v = (1 + c * x) ** 3;
      if (v <= 0) continue;
      if (Math.log(1 - this.uniform()) < 0.5 * x * x + d - d * v + d * Math.log(v)) return d * v;
    }
  }

  /** Beta(a, b) in (0, 1); a = b = 1 is uniform. */
  beta(a: number, b: number): number {
    const x = this.gamma(a);
    return x / (x + this.gamma(b));
  }

  /** Uniform permutation of 0 … n − 1 (Fisher-Yates). */
  permutation(n: number): Int32Array {
    const order = Int32Array.from({ length: n }, (_, i) => i);
    for (let i = n - 1; i > 0; i--) {
      const j = this.integer(i + 1);
      const t = order[i]!;
      order[i] = order[j]!;
      order[j] = t;
    }
    return order;
  }
}

/** One Philox4x32-10 block of counter (c0 … c3) under the key into `out`; for kernels that count for themselves (see `Rng.key`). */
export function philox(
  c0: number,
  c1: number,
  c2: number,
  c3: number,
  key0: number,
  key1: number,
  out: Uint32Array,
): Uint32Array {
  let [x0, x1, x2, x3, k0, k1] = [c0, c1, c2, c3, key0, key1];
  for (let round = 0; round < 10; round++) {
    const hi0 = mulHigh(0xd2511f53, x0);
    const lo0 = Math.imul(0xd2511f53, x0) >>> 0;
    const hi1 = mulHigh(0xcd9e8d57, x2);
    const lo1 = Math.imul(0xcd9e8d57, x2) >>> 0;
    x0 = (hi1 ^ x1 ^ k0) >>> 0;
    x1 = lo1;
    x2 = (hi0 ^ x3 ^ k1) >>> 0;
    x3 = lo0;
    k0 = (k0 + 0x9e3779b9) >>> 0;
    k1 = (k1 + 0xbb67ae85) >>> 0;
  }
  out[0] = x0;
  out[1] = x1;
  out[2] = x2;
  out[3] = x3;
  return out;
}

/** High 32 bits of an unsigned 32 × 32 product. */
function mulHigh(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const mid = aHigh * bLow + ((aLow * bLow) >>> 16);
  return (aHigh * bHigh + Math.floor(mid / 65536) + (((mid % 65536) + aLow * bHigh) >>> 16)) >>> 0;
}
