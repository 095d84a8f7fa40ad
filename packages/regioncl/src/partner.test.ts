import { inversePermutation, Rng } from '@contrastive/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { partnersOf } from './partner.js';

const options = { partner: 'reverse', partnerShift: 1, partnerBlock: 'batch' } as const;
const partners = (n: number, given: Partial<Parameters<typeof partnersOf>[2]> = {}, seed = 1) =>
  Array.from(partnersOf(Rng.create(seed), n, { ...options, ...given }));

describe('partnersOf', () => {
  it('reverses the batch, its own inverse', () => {
    expect(partners(4)).toEqual([3, 2, 1, 0]);
    expect(Array.from(inversePermutation(partners(4)))).toEqual(partners(4));
  });

  it('shifts', () => {
    expect(partners(4, { partner: 'shift', partnerShift: 3 })).toEqual([3, 0, 1, 2]);
  });

  it('stays inside blocks', () => {
    expect(partners(6, { partnerBlock: 2 })).toEqual([1, 0, 3, 2, 5, 4]);
  });

  it('is a permutation in every mode, and a derangement has no fixed point', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 9 }), fc.nat(), (n, seed) => {
        for (const partner of ['random', 'derangement'] as const) {
          const order = partners(n, { partner }, seed);
          expect([...order].sort((a, b) => a - b)).toEqual([...Array(n).keys()]);
          if (partner === 'derangement') expect(order.some((j, i) => i === j)).toBe(false);
        }
      }),
    );
  });
});
