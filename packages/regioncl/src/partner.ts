import type { Rng } from '@contrastive/core';
import type { ResolvedRegionclOptions } from './options.js';

/**
 * Whose rectangle each image gets: image i that of image π(i), inside blocks of consecutive images.
 *
 * @returns π, [n]. `derangement` has no fixed point, `reverse` one in the middle of a block of odd size.
 */
export function partnersOf(
  rng: Rng,
  n: number,
  { partner, partnerShift, partnerBlock }: Pick<ResolvedRegionclOptions, 'partner' | 'partnerShift' | 'partnerBlock'>,
): Int32Array {
  const size = partnerBlock === 'batch' ? n : partnerBlock;
  const order = new Int32Array(n);
  for (let start = 0; start < n; start += size) {
    const block = blockOrder(rng, size, partner, partnerShift);
    for (const [i, j] of block.entries()) order[start + i] = start + j;
  }
  return order;
}

function blockOrder(rng: Rng, size: number, partner: ResolvedRegionclOptions['partner'], shift: number): Int32Array {
  const all = Int32Array.from({ length: size }, (_, i) => i);
  if (partner === 'reverse') return all.reverse();
  if (partner === 'shift') return all.map((i) => (i + shift) % size);
  if (partner === 'random') return rng.permutation(size);
  // Uniform among permutations without fixed point: about 1 of e tries succeeds.
  for (;;) {
    const order = rng.permutation(size);
    if (order.every((j, i) => j !== i)) return order;
  }
}
