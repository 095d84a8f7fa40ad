import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { describeTensorFlow } from '../../test/tensorflow.js';

const run = (name: string, inputs: Record<string, tf.Tensor>, attrs: tf.NamedAttrMap = {}) =>
  tf.engine().runKernel(name, inputs, attrs) as unknown as tf.Tensor;
const runAll = (name: string, inputs: Record<string, tf.Tensor>, attrs: tf.NamedAttrMap = {}) =>
  run(name, inputs, attrs) as unknown as tf.Tensor[];
const closeTo = (actual: tf.Tensor, expected: readonly number[], digits = 5) => {
  const values = [...actual.dataSync()];
  expect(values).toHaveLength(expected.length);
  for (const [i, value] of values.entries()) expect(value).toBeCloseTo(expected[i]!, digits);
};

describeTensorFlow('kernels beyond tfjs-node', () => {
  test('FusedBatchNormV3 normalises each channel and gives its mean and unbiased variance', () => {
    const x = tf.tensor4d([1, 2, 3, 4], [1, 2, 2, 1]);
    const [y, mean, variance] = runAll(
      'FusedBatchNormV3',
      { x, scale: tf.tensor1d([2]), offset: tf.tensor1d([10]) },
      { epsilon: 0 },
    );
    closeTo(mean!, [2.5]);
    closeTo(variance!, [5 / 3]); // Σ (x − 2.5)² = 5, over n − 1
    const deviation = Math.sqrt(5 / 4); // the normalisation divides by n
    closeTo(
      y!,
      [-1.5, -0.5, 0.5, 1.5].map((d) => 10 + (2 * d) / deviation),
    );
  });

  test('FusedBatchNormGradV3 is the derivative of a weighted sum of the outputs', () => {
    const epsilon = 1e-3;
    const xs = [0.3, -1.2, 2.1, 0.4, 1.7, -0.8, 0.5, 0.9];
    const weights = [1, -2, 0.5, 3, -1, 0.2, 2, -0.7];
    const scale = [1.5, -0.5];
    const output = (values: readonly number[], s: readonly number[]): number => {
      let sum = 0;
      for (const c of [0, 1]) {
        const own = values.filter((_, i) => i % 2 === c);
        const mean = own.reduce((a, b) => a + b) / 4;
        const variance = own.reduce((a, b) => a + (b - mean) ** 2, 0) / 4;
        own.forEach((v, i) => {
          sum += weights[2 * i + c]! * ((s[c]! * (v - mean)) / Math.sqrt(variance + epsilon));
        });
      }
      return sum;
    };
    const slope = (at: readonly number[], f: (v: readonly number[]) => number) =>
      at.map((v, i) => (f(at.with(i, v + 1e-5)) - f(at.with(i, v - 1e-5))) / 2e-5);
    const x = tf.tensor4d(xs, [1, 2, 2, 2]);
    const s = tf.tensor1d(scale);
    const [, , , r1, r2, r3] = runAll('FusedBatchNormV3', { x, scale: s, offset: tf.zeros([2]) }, { epsilon });
    const inputs = { dy: tf.tensor4d(weights, [1, 2, 2, 2]), x, scale: s, r1: r1!, r2: r2!, r3: r3! };
    const [dx, dscale, doffset] = runAll('FusedBatchNormGradV3', inputs, { epsilon });
    closeTo(
      dx!,
      slope(xs, (v) => output(v, scale)),
      3,
    );
    closeTo(
      dscale!,
      slope(scale, (v) => output(xs, v)),
      3,
    );
    closeTo(doffset!, [1 + 0.5 - 1 + 2, -2 + 3 + 0.2 - 0.7]);
  });

  test('ReluGrad passes the gradient where the output is positive', () => {
    closeTo(run('ReluGrad', { dy: tf.tensor1d([1, 2, 3]), y: tf.tensor1d([0, 5, 1e-9]) }), [0, 2, 3]);
  });

  test('Cholesky gives the lower factor', () => {
    // [[2, 0], [1, 3]] times its transpose is [[4, 2], [2, 10]].
    closeTo(run('Cholesky', { input: tf.tensor2d([4, 2, 2, 10], [2, 2]) }), [2, 0, 1, 3]);
  });

  test('MatrixTriangularSolve solves with the factor and with its transpose', () => {
    const matrix = tf.tensor2d([2, 0, 1, 3], [2, 2]);
    const rhs = tf.tensor2d([4, 11], [2, 1]);
    closeTo(run('MatrixTriangularSolve', { matrix, rhs }, { lower: true, adjoint: false }), [2, 3]); // 2x = 4, x + 3y = 11
    closeTo(run('MatrixTriangularSolve', { matrix, rhs }, { lower: true, adjoint: true }), [1 / 6, 11 / 3]);
  });

  test('gather takes rows in the order of the indices, repeated ones too, and refuses others', () => {
    const x = tf.tensor2d([1, 2, 3, 4], [2, 2]);
    closeTo(tf.gather(x, tf.tensor1d([1, 0, 1], 'int32')), [3, 4, 1, 2, 3, 4]);
    closeTo(tf.gather(x, tf.tensor1d([1, 1], 'int32'), 1), [2, 2, 4, 4]);
    expect(() => tf.gather(x, tf.tensor1d([2], 'int32'))).toThrow('is not in [0, 2)');
  });

  test('tensorScatterUpdate overwrites rows', () => {
    const x = tf.zeros([3, 1]);
    closeTo(
      tf.tensorScatterUpdate(x, tf.tensor2d([[2], [0]], [2, 1], 'int32'), tf.tensor2d([5, 6], [2, 1])),
      [6, 0, 5],
    );
  });
});
