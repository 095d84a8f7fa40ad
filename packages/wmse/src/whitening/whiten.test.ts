import { expectClose, expectGradients, seededTensor, valuesOf } from '@contrastive/testing';
import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { factorize } from './factors.js';
import { type Whitening, type WhitenOptions, whiten } from './whiten.js';

// Spec "wmse", example A.
const x = tf.tensor3d([1, 2, 2, 1, 3, 4, 4, 3, 5, 6, 6, 8], [1, 6, 2]);

const by = (rows: tf.Tensor, method: Whitening, options: Partial<WhitenOptions> = {}) =>
  whiten(rows as tf.Tensor3D, { method, eps: 0, newtonSteps: 10, ...options });
const seeds = fc.nat(1e6);
const shapes = fc.record({ b: fc.integer({ min: 1, max: 3 }), k: fc.integer({ min: 1, max: 6 }), seed: seeds });
const slices = ({ b, k, seed }: { b: number; k: number; seed: number }) =>
  seededTensor<tf.Rank.R3>([b, 3 * k + 2, k], seed);
/** ZᵀZ / (w − 1) of each slice. */
const covarianceOf = (z: tf.Tensor3D) => tf.div(tf.matMul(z, z, true, false), z.shape[1] - 1);
const identities = (b: number, k: number) => tf.tile(tf.expandDims(tf.eye(k), 0), [b, 1, 1]);

describe('whiten', () => {
  it('gives example A by Cholesky', () => {
    expectClose(
      by(x, 'cholesky').rows,
      [
        -1.336306, 1.014693, -0.801784, -0.989325, -0.267261, 0.558081, 0.267261, -1.445937, 0.801784, 0.101469,
        1.336306, 0.761019,
      ],
      { abs: 1e-6 },
    );
  });

  it('gives example A by ZCA, and with ε = 0.1', () => {
    expectClose(tf.slice(by(x, 'zca').rows, [0, 0, 0], [1, 1, 2]), [-1.677678, -0.02669], { abs: 2e-6 });
    expectClose(factorize(x, 'zca', [0]).matrix, [1.109555, -0.548105, -0.548105, 0.698476], { abs: 1e-6 });
    expectClose(factorize(x, 'cholesky', [0.1]).matrix, [0.5547, 0, -1.031672, 0.8467], { abs: 1e-6 });
    expectClose(covarianceOf(by(x, 'cholesky', { eps: 0.1 }).rows), [1.076923, 0.063585, 0.063585, 0.913195], {
      abs: 2e-6,
    });
  });

  it.each(['cholesky', 'zca', 'pca'] as const)('%s gives zero means, covariance I and Σ‖z‖² = k(w − 1)', (method) => {
    fc.assert(
      fc.property(shapes, (shape) => {
        const z = by(slices(shape), method).rows;
        const [b, w, k] = z.shape;
        expectClose(tf.mean(z, 1), new Array<number>(b * k).fill(0), { abs: 1e-5 });
        expectClose(covarianceOf(z), identities(b, k), { abs: 2e-5 });
        expectClose(tf.sum(tf.square(z), [1, 2]), new Array<number>(b).fill(k * (w - 1)), { rel: 1e-5 });
      }),
      { numRuns: 25 },
    );
  });

  it('approaches ZCA by Newton-Schulz', () => {
    const rows = slices({ b: 2, k: 4, seed: 3 });
    expectClose(by(rows, 'newton').rows, by(rows, 'zca').rows, { rel: 1e-3 });
  });

  it('standardises each feature: BN output × √((w − 1) / w)', () => {
    const column = tf.tensor3d([1, 2, 3, 4, 10], [1, 5, 1]);
    const expected = [-0.848528, -0.565685, -0.282843, 0, 1.697056];
    for (const method of ['diagonal', 'cholesky', 'zca'] as const) {
      expectClose(by(column, method).rows, expected, { abs: 1e-6 }); // k = 1: all the same
    }
    const { mean, variance } = tf.moments(column, 1, true);
    const batchNorm = tf.div(tf.sub(column, mean), tf.sqrt(variance));
    expectClose(by(column, 'diagonal').rows, tf.mul(batchNorm, Math.sqrt(4 / 5)));
  });

  it('leaves rows alone with none', () => {
    expect(by(x, 'none').rows).toBe(x);
  });

  it('ignores a constant row, the order of rows, and by Cholesky any lower triangular change', () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const rows = slices({ b: 1, k: 3, seed });
        const z = by(rows, 'cholesky').rows;
        expectClose(by(tf.add(rows, [[[1, -2, 3]]]), 'cholesky').rows, z, { abs: 1e-4 });
        const lower = tf.tensor2d([2, 0, 0, -0.7, 0.5, 0, 0.3, 1.1, 3], [3, 3]);
        const changed = tf.reshape(tf.matMul(tf.reshape(rows, [-1, 3]), lower, false, true), rows.shape);
        expectClose(by(changed, 'cholesky').rows, z, { abs: 2e-4 });
        const order = tf.tensor1d([3, 0, 10, 1, 9, 4, 2, 8, 5, 7, 6], 'int32');
        expectClose(by(tf.gather(rows, order, 1), 'cholesky').rows, tf.gather(z, order, 1), { abs: 1e-5 });
      }),
      { numRuns: 15 },
    );
  });

  it('rotates along by ZCA, but feels the scale of features', () => {
    const rows = slices({ b: 1, k: 2, seed: 5 });
    const [c, s] = [Math.cos(0.6), Math.sin(0.6)];
    const rotation = tf.tensor2d([c, -s, s, c], [2, 2]);
    const rotate = (t: tf.Tensor) => tf.reshape(tf.matMul(tf.reshape(t, [-1, 2]), rotation), t.shape);
    expectClose(by(rotate(rows), 'zca').rows, rotate(by(rows, 'zca').rows), { abs: 1e-5 });
    const gap = tf.max(tf.abs(tf.sub(by(tf.mul(rows, [1, 5]), 'zca').rows, by(rows, 'zca').rows)));
    expect(valuesOf(gap)[0]).toBeGreaterThan(0.05);
  });

  it('places w = k + 1 rows at equal distances, whatever they are', () => {
    const z = tf.squeeze(by(seededTensor<tf.Rank.R3>([1, 5, 4], 8), 'cholesky').rows, [0]) as tf.Tensor2D;
    const expected = tf.sub(tf.mul(tf.eye(5), 4), 0.8); // 3.2 on, −0.8 off the diagonal
    expectClose(tf.matMul(z, z, false, true), expected, { abs: 1e-4 });
  });
});

describe('the gradient of whiten', () => {
  const upstream = seededTensor<tf.Rank.R3>([2, 9, 3], 21);
  const loss =
    (method: Whitening, options: Partial<WhitenOptions> = {}) =>
    (rows: tf.Tensor) =>
      tf.sum(tf.mul(upstream, tf.sin(by(rows, method, options).rows)));
  const rows = seededTensor<tf.Rank.R3>([2, 9, 3], 20);

  it.each([
    ['cholesky', 0],
    ['cholesky', 0.2],
    ['zca', 0],
    ['zca', 0.2],
    ['newton', 0.05],
    ['diagonal', 0.1],
  ] as const)('of %s with ε %d agrees with finite differences and sums to 0 over rows', (method, eps) => {
    const f = loss(method, { eps, newtonSteps: 5 });
    expectGradients(f, [rows], { rel: 5e-3, abs: 5e-3 });
    expectClose(tf.sum(tf.grad(f)(rows), 1), [0, 0, 0, 0, 0, 0], { abs: 2e-5 });
  });

  it('leaves upper triangle and diagonal of XcᵀdX at 0 by Cholesky', () => {
    const dx = tf.grad(loss('cholesky'))(rows) as tf.Tensor3D;
    const product = tf.matMul(tf.sub(rows, tf.mean(rows, 1, true)), dx, true, false).arraySync() as number[][][];
    for (const slice of product) {
      for (let i = 0; i < 3; i++) for (let j = i; j < 3; j++) expect(slice[i]![j]).toBeCloseTo(0, 4);
    }
  });

  it('of pca equals that of zca for a loss that no common rotation changes', () => {
    const gram = (method: Whitening) => (r: tf.Tensor) => {
      const z = by(r, method).rows;
      const products = tf.matMul(z, tf.slice(z, [0, 0, 0], [2, 4, 3]), false, true);
      return tf.sum(tf.sin(products));
    };
    expectClose(tf.grad(gram('pca'))(rows), tf.grad(gram('zca'))(rows), { abs: 1e-4 });
  });
});

describe('shrinkage', () => {
  const dead = tf.concat([seededTensor([1, 8, 2], 1), tf.ones([1, 8, 1])], 2) as tf.Tensor3D;
  const both = tf.concat([seededTensor([1, 8, 3], 2), dead], 0) as tf.Tensor3D;

  it('is chosen slice by slice with auto', () => {
    const { rows, epsilon, condition } = by(both, 'cholesky', { eps: 'auto' });
    expectClose(epsilon!, [0, 1e-6], { abs: 1e-9 });
    expect(valuesOf(condition!)[1]).toBeGreaterThan(1e4);
    expect(valuesOf(rows).every(Number.isFinite)).toBe(true);
    expectClose(tf.slice(rows, [0, 0, 0], [1, 8, 3]), by(tf.slice(both, [0, 0, 0], [1, 8, 3]), 'cholesky').rows);
  });

  it.each(['cholesky', 'zca'] as const)('of 0 refuses a dead feature by %s, and says what to do', (method) => {
    expect(() => by(both, method)).toThrow(
      expect.objectContaining({
        code: 'NOT_FINITE',
        message: expect.stringContaining('slice 1 of 8 rows cannot be whitened'),
        hint: expect.stringContaining("eps: 'auto'"),
      }),
    );
  });

  it('cannot help rows that are not finite', () => {
    const broken = tf.where(tf.greater(both, 1.2), Number.NaN, both) as tf.Tensor3D;
    expect(() => by(broken, 'cholesky', { eps: 'auto' })).toThrow(expect.objectContaining({ code: 'NOT_FINITE' }));
  });
});

it('whitens in float64: condition 1e7 costs less than 1e-2', () => {
  const rows = tf.mul(seededTensor<tf.Rank.R3>([1, 64, 2], 4), [1, 3e-4]);
  const near = tf.reshape(tf.matMul(tf.reshape(rows, [64, 2]), tf.tensor2d([1, 1, 0, 1], [2, 2])), [1, 64, 2]);
  expectClose(covarianceOf(by(near, 'cholesky').rows), [1, 0, 0, 1], { abs: 1e-2 });
});
