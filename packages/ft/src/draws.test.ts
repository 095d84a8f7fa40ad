import { Rng } from '@contrastive/core';
import { describe, expect, it } from 'vitest';
import { hostInfo } from '../test/contrast.js';
import { drawFt } from './draws.js';
import { type FtOptions, resolveFt } from './options.js';

const draw = (options: FtOptions, seed = 1, host = hostInfo()) => drawFt(resolveFt(options), Rng.create(seed), host);
const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;
const variance = (values: readonly number[]) => {
  const centre = mean(values);
  return mean(values.map((v) => (v - centre) ** 2));
};

describe('drawFt', () => {
  it('draws one factor each and one permutation with its inverse by default', () => {
    const draws = draw({});
    expect(Object.keys(draws).sort()).toEqual(['inverse/8', 'lambdaEx', 'lambdaIn/8', 'order/8']);
    expect(draws.lambdaEx.shape).toEqual([1, 1]);
    const order = Array.from(draws['order/8']!.data);
    expect([...order].sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(order.map((row) => draws['inverse/8']!.data[row])).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  });

  it('gives each worker the factors of its images, and all the same of the negatives', () => {
    const ofRank = (rank: number) => {
      const workers = { size: 2, rank, batchNorm: 'local' as const };
      return draw({ positiveGranularity: 'row', negativeGranularity: 'row' }, 1, hostInfo({ batch: 2, workers }));
    };
    const [first, second] = [ofRank(0), ofRank(1)];
    const alone = draw({ positiveGranularity: 'row', negativeGranularity: 'row' }, 1, hostInfo({ batch: 4 }));
    expect([...first.lambdaEx.data, ...second.lambdaEx.data]).toEqual([...alone.lambdaEx.data]);
    expect(first['order/8']).toEqual(second['order/8']);
    expect(first['lambdaIn/8']).toEqual(alone['lambdaIn/8']);
  });

  it.each([
    ['step', [1, 1], [1, 1]],
    ['row', [4, 1], [8, 1]],
    ['dim', [1, 5], [1, 5]],
    ['element', [4, 5], [8, 5]],
  ] as const)('draws by %s', (granularity, pairs, negatives) => {
    const draws = draw({ positiveGranularity: granularity, negativeGranularity: granularity });
    expect(draws.lambdaEx.shape).toEqual(pairs);
    expect(draws['lambdaIn/8']!.shape).toEqual(negatives);
  });

  it('has the moments of 1 + Beta(2, 2) and Beta(1.6, 1.6): spec "ft", invariant 11', () => {
    const many = draw({ positiveGranularity: 'element', negativeGranularity: 'element' }, 3, {
      ...hostInfo({ batch: 1000, dim: 100, negativeRows: { global: 1000 } }),
    });
    const ex = Array.from(many.lambdaEx.data);
    const inner = Array.from(many['lambdaIn/1000']!.data);
    expect(Math.min(...ex.slice(0, 10_000))).toBeGreaterThan(1);
    expect(Math.max(...ex.slice(0, 10_000))).toBeLessThan(2);
    expect(mean(ex)).toBeCloseTo(1.5, 2);
    expect(variance(ex)).toBeCloseTo(0.05, 3);
    expect(mean(ex.map((l) => 2 * l * (l - 1)))).toBeCloseTo(1.6, 1);
    expect(mean(inner)).toBeCloseTo(0.5, 2);
    expect(variance(inner)).toBeCloseTo(0.059524, 3);
  });

  it('is uniform or fixed if asked, and without the shift by 1 when interpolating', () => {
    const uniform = draw({ lambdaEx: 'uniform', positiveGranularity: 'element' }, 1, hostInfo({ batch: 2000 }));
    expect(variance(Array.from(uniform.lambdaEx.data))).toBeCloseTo(1 / 12, 2);
    expect(draw({ lambdaEx: 1.25, lambdaIn: 0.5 })['lambdaIn/8']!.data[0]).toBe(0.5);
    const inward = draw({ positiveMode: 'interpolate', positiveGranularity: 'element' }).lambdaEx.data;
    expect(Math.max(...inward)).toBeLessThan(1);
  });

  it('draws for every size of negatives that the host has, and for none if only positives move', () => {
    const host = hostInfo({ negativeRows: { global: 8, dense: 6, other: 0 } });
    expect(Object.keys(draw({}, 1, host)).filter((name) => name.startsWith('order/'))).toEqual(['order/8', 'order/6']);
    expect(Object.keys(draw({ target: 'pos' }, 1, host))).toEqual(['lambdaEx']);
  });

  it('draws the same positives whatever is drawn for negatives', () => {
    const alone = draw({ target: 'pos' }, 9).lambdaEx.data;
    expect(draw({ negativeGranularity: 'element' }, 9).lambdaEx.data).toEqual(alone);
  });
});
