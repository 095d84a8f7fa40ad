import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { logSoftmax, logSumExp, unit } from './math.js';

const values = (t: tf.Tensor) => Array.from(t.dataSync());
const expectClose = (actual: tf.Tensor, expected: readonly number[], digits = 5) => {
  for (const [i, value] of values(actual).entries()) expect(value).toBeCloseTo(expected[i]!, digits);
};

describe('unit', () => {
  it('scales rows to length 1', () => {
    expectClose(
      unit(
        tf.tensor2d([
          [3, 4],
          [0, -2],
        ]),
      ),
      [0.6, 0.8, 0, -1],
    );
    expectClose(unit(tf.tensor3d([[[3, 4]], [[5, 12]]])), [0.6, 0.8, 5 / 13, 12 / 13]);
  });

  it('has the gradient (dy − y (y·dy)) / ‖x‖', () => {
    // x = (3, 4), dy = (1, 0): (1 − 0.36, −0.48) / 5.
    expectClose(tf.grad((x: tf.Tensor) => tf.sum(tf.mul(unit(x), [1, 0])))(tf.tensor2d([[3, 4]])), [0.128, -0.096]);
  });

  it('agrees with finite differences', () => {
    const weights = tf.tensor2d([[0.3, -1.2, 0.5]]);
    const f = (x: tf.Tensor) => tf.sum(tf.mul(unit(x), weights));
    const x = [0.4, 0.9, -0.7];
    const gradient = values(tf.grad(f)(tf.tensor2d([x])));
    x.forEach((_, i) => {
      const at = (h: number) => values(f(tf.tensor2d([x.map((v, j) => (i === j ? v + h : v))])))[0]!;
      expect(gradient[i]).toBeCloseTo((at(5e-3) - at(-5e-3)) / 1e-2, 3);
    });
  });

  it('keeps rows of zeros, with a finite gradient', () => {
    const x = tf.tensor2d([
      [0, 0],
      [3, 4],
    ]);
    expectClose(unit(x), [0, 0, 0.6, 0.8]);
    const gradient = values(tf.grad((t: tf.Tensor) => tf.sum(tf.mul(unit(t), [1, 2])))(x));
    expect(gradient.every(Number.isFinite)).toBe(true);
    expect(gradient[0]! / 1e12).toBeCloseTo(1, 5);
    expect(gradient[1]! / 1e12).toBeCloseTo(2, 5);
  });

  it('does not feel the length of a row', () => {
    fc.assert(
      fc.property(fc.double({ min: 0.01, max: 1e6, noNaN: true }), (scale) => {
        expectClose(unit(tf.tensor2d([[3 * scale, 4 * scale]])), [0.6, 0.8]);
      }),
    );
  });
});

describe('logSumExp and logSoftmax', () => {
  it('give ln m for m equal entries', () => {
    expectClose(logSumExp(tf.zeros([2, 3])), [Math.log(3), Math.log(3)]);
    expectClose(logSoftmax(tf.fill([1, 4], 7)), [-Math.log(4), -Math.log(4), -Math.log(4), -Math.log(4)]);
  });

  it('stay exact far from zero', () => {
    expectClose(
      logSumExp(
        tf.tensor2d([
          [1000, 1000],
          [-1000, -1000],
        ]),
      ),
      [1000 + Math.LN2, -1000 + Math.LN2],
      3,
    );
  });

  it('leave hidden entries out', () => {
    const x = tf.tensor2d([[1, 50, 1]]);
    const mask = tf.tensor2d([[1, 0, 1]]);
    expectClose(logSumExp(x, mask), [1 + Math.LN2]);
    const logs = values(logSoftmax(x, mask));
    expect(logs[0]).toBeCloseTo(-Math.LN2, 5);
    expect(logs[2]).toBeCloseTo(-Math.LN2, 5);
  });

  it('has the softmax as gradient, zero where hidden', () => {
    const x = tf.tensor2d([[0, Math.log(3), 9]]);
    const mask = tf.tensor2d([[1, 1, 0]]);
    expectClose(tf.grad((t: tf.Tensor) => tf.sum(logSumExp(t as tf.Tensor2D, mask)))(x), [0.25, 0.75, 0]);
  });

  it('shifts with a constant', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: -5, max: 5, noNaN: true }), { minLength: 1, maxLength: 6 }), (row) => {
        const shifted = values(logSumExp(tf.add(tf.tensor2d([row]), 3) as tf.Tensor2D))[0]!;
        expect(shifted).toBeCloseTo(values(logSumExp(tf.tensor2d([row])))[0]! + 3, 4);
      }),
    );
  });
});
