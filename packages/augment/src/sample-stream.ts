import { philox, Rng } from '@contrastive/core';

/** The Philox key of a view's draws in an epoch: depends on the three arguments only. */
export function viewKey(seed: number, epoch: number, view: string): readonly [number, number] {
  return Rng.create(seed).fork('views').fork(view).fork(epoch).key;
}

/**
 * Uniform numbers of one image: the n-th number is a function of (key, sample id, n), whichever thread asks and in whatever
 * order images are made. Philox4x32-10 with counter (block, sample id, 0, 0).
 */
export class SampleStream {
  readonly #key: readonly [number, number];
  readonly #words = new Uint32Array(4);
  #sample = 0;
  #block = 0;
  #used = 4;

  constructor(key: readonly [number, number]) {
    this.#key = key;
  }

  /** Goes to the start of an image's numbers. */
  at(sample: number): this {
    this.#sample = sample >>> 0;
    this.#block = 0;
    this.#used = 4;
    return this;
  }

  /** The next number in [0, 1), 32 random bits. */
  next(): number {
    if (this.#used === 4) {
      philox(this.#block++, this.#sample, 0, 0, this.#key[0], this.#key[1], this.#words);
      this.#used = 0;
    }
    return this.#words[this.#used++]! / 4294967296;
  }
}
