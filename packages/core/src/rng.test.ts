import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { philox, Rng } from './rng.js';

const draw = (n: number, next: () => number) => Array.from({ length: n }, next);
const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;
const variance = (values: readonly number[]) => mean(values.map((v) => v * v)) - mean(values) ** 2;
const hex = (words: ArrayLike<number>) => Array.from(words, (w) => w.toString(16).padStart(8, '0'));

/** Sample mean and variance, each within five standard errors of the given moments (error of the variance for kurtosis up to 9). */
function expectMoments(values: readonly number[], expectedMean: number, expectedVariance: number) {
  const n = values.length;
  expect(Math.abs(mean(values) - expectedMean)).toBeLessThan(5 * Math.sqrt(expectedVariance / n));
  expect(Math.abs(variance(values) - expectedVariance)).toBeLessThan(5 * expectedVariance * Math.sqrt(8 / n));
}

describe('philox', () => {
  // Known answers of the authors' Random123 library for philox4x32 with 10 rounds.
  const known = (counter: [number, number, number, number], key: [number, number]) =>
    hex(philox(...counter, ...key, new Uint32Array(4)));

  it('gives the known answers of Philox4x32-10', () => {
    expect(known([0, 0, 0, 0], [0, 0])).toEqual(['6627e8d5', 'e169c58d', 'bc57ac4c', '9b00dbd8']);
    const ones = 0xffffffff;
    expect(known([ones, ones, ones, ones], [ones, ones])).toEqual(['408f276d', '41c83b0e', 'a20bc7c6', '6d5451fd']);
    expect(known([0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344], [0xa4093822, 0x299f31d0])).toEqual([
      'd16cfe09',
      '94fdcceb',
      '5001e420',
      '24126ea1',
    ]);
  });
});

describe('Rng', () => {
  it('draws the words of Philox, counter after counter', () => {
    const rng = Rng.create(0);
    expect(hex(draw(4, () => rng.bits()))).toEqual(['6627e8d5', 'e169c58d', 'bc57ac4c', '9b00dbd8']);
    expect(rng.bits()).toBe(philox(1, 0, 0, 0, 0, 0, new Uint32Array(4))[0]);
  });

  it('uses all 53 bits of the seed as its key', () => {
    expect(Rng.create(2 ** 32 * 5 + 7).key).toEqual([7, 5]);
  });

  it('repeats for the same seed and differs for another', () => {
    const numbers = (seed: number) => {
      const rng = Rng.create(seed);
      return draw(20, () => rng.normal());
    };
    expect(numbers(7)).toEqual(numbers(7));
    expect(numbers(7)).not.toEqual(numbers(8));
  });

  it.each([-1, 0.5, 2 ** 53, Number.NaN])('refuses seed %s', (seed) => {
    expect(() => Rng.create(seed)).toThrow(expect.objectContaining({ code: 'BAD_OPTION' }));
  });
});

describe('fork', () => {
  it('depends on seed and label only, not on what was drawn', () => {
    const fresh = Rng.create(3).fork('plugins/ft').fork(5);
    const used = Rng.create(3);
    draw(11, () => used.normal());
    const late = used.fork('plugins/ft');
    draw(3, () => late.uniform());
    expect(late.fork(5).key).toEqual(fresh.key);
  });

  it('does not move the parent', () => {
    const [a, b] = [Rng.create(3), Rng.create(3)];
    a.fork('x').bits();
    expect(a.bits()).toBe(b.bits());
  });

  it('gives different streams to different labels, also to a number and its text', () => {
    const labels = fc.oneof(fc.string(), fc.nat());
    fc.assert(
      fc.property(labels, labels, fc.nat(), (a, b, seed) => {
        const root = Rng.create(seed);
        expect(root.fork(a).key).not.toEqual(root.key);
        if (a !== b) expect(root.fork(a).key).not.toEqual(root.fork(b).key);
      }),
    );
    for (const text of ['5', '#5', '##5']) expect(Rng.create(1).fork(5).key).not.toEqual(Rng.create(1).fork(text).key);
  });

  it('gives streams that are not correlated', () => {
    const root = Rng.create(11);
    const [a, b] = [root.fork('a'), root.fork('b')];
    const products = draw(20_000, () => a.normal() * b.normal());
    expectMoments(products, 0, 1);
    const neighbours = draw(20_000, () => 0).map((_, step) => root.fork(step).uniform());
    expectMoments(neighbours, 1 / 2, 1 / 12);
    const lagged = neighbours.slice(1).map((v, i) => (v - 1 / 2) * (neighbours[i]! - 1 / 2) * 12);
    expectMoments(lagged, 0, 1);
  });
});

describe('distributions', () => {
  const rng = Rng.create(42);

  it('uniform has its moments and stays in [low, high)', () => {
    const values = draw(40_000, () => rng.uniform(-1, 3));
    expectMoments(values, 1, 16 / 12);
    expect(Math.min(...values)).toBeGreaterThanOrEqual(-1);
    expect(Math.max(...values)).toBeLessThan(3);
  });

  it('integer reaches every value equally often', () => {
    const counts = new Array<number>(7).fill(0);
    draw(70_000, () => counts[rng.integer(7)]!++);
    const chiSquare = counts.reduce((sum, c) => sum + (c - 10_000) ** 2 / 10_000, 0);
    expect(chiSquare).toBeLessThan(30); // 6 degrees of freedom: exceeded once in 25,000
  });

  it('normal has the moments of a standard normal, up to the fourth', () => {
    const values = draw(40_000, () => rng.normal());
    expectMoments(values, 0, 1);
    expect(mean(values.map((v) => v ** 3))).toBeCloseTo(0, 0);
    expect(mean(values.map((v) => v ** 4))).toBeGreaterThan(2.8);
    expect(mean(values.map((v) => v ** 4))).toBeLessThan(3.2);
  });

  it.each([0.3, 1, 2.5, 10])('gamma(%s) has mean and variance equal to its shape', (shape) => {
    const values = draw(40_000, () => rng.gamma(shape));
    expect(Math.min(...values)).toBeGreaterThanOrEqual(0);
    expect(Math.abs(mean(values) - shape)).toBeLessThan(5 * Math.sqrt(shape / values.length));
    expect(Math.abs(variance(values) / shape - 1)).toBeLessThan(0.1);
  });

  it.each([
    [1, 1],
    [2, 2],
    [1.6, 1.6],
    [0.5, 3],
  ])('beta(%s, %s) has its mean and variance', (a, b) => {
    const values = draw(40_000, () => rng.beta(a, b));
    expectMoments(values, a / (a + b), (a * b) / ((a + b) ** 2 * (a + b + 1)));
  });

  it('permutation holds every index once, and every order equally often', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 50 }), (n) => {
        expect([...rng.permutation(n)].sort((x, y) => x - y)).toEqual(draw(n, () => 0).map((_, i) => i));
      }),
    );
    const counts = new Map<string, number>();
    for (let i = 0; i < 6000; i++) {
      const order = rng.permutation(3).join();
      counts.set(order, (counts.get(order) ?? 0) + 1);
    }
    expect(counts.size).toBe(6);
    for (const count of counts.values()) expect(Math.abs(count - 1000)).toBeLessThan(150);
  });

  it('refuse impossible arguments', () => {
    for (const n of [0, 1.5, 2 ** 32 + 1]) expect(() => rng.integer(n)).toThrow(/must be an integer from 1 to 2\^32/);
    expect(() => rng.gamma(0)).toThrow(/shape is 0, but it must be > 0/);
    expect(() => rng.beta(-1, 1)).toThrow(/must be > 0/);
  });
});
