import { eagerRuntime, hostTensor, type StepFunction } from '@contrastive/core';
import { expectClose, seededTensor, valuesOf } from '@contrastive/testing';
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { describeTensorFlow, tensorflow } from '../../test/tensorflow.js';
import { compiledRuntime } from '../compiled-runtime.js';

const NAMES = ['whitened', 'mean', 'covariance', 'matrix', 'scales', 'epsilon', 'vectors'] as const;
type Outputs = Record<(typeof NAMES)[number], tf.Tensor>;

function run(x: tf.Tensor, method: 'cholesky' | 'zca', epsilons: readonly number[]): Outputs {
  const outputs = tf.engine().runKernel('Whiten64', { x }, { method, epsilons: [...epsilons] }) as tf.Tensor[];
  return Object.fromEntries(NAMES.map((name, i) => [name, outputs[i]!])) as Outputs;
}
const covarianceOf = (z: tf.Tensor) => tf.div(tf.matMul(z, z, true, false), z.shape[1]! - 1);
const identities = (b: number, k: number) => tf.tile(tf.expandDims(tf.eye(k), 0), [b, 1, 1]);
/** The second slice has its first feature twice. */
const withDouble = () => {
  const [a, b] = [seededTensor([1, 8, 3], 1), seededTensor([1, 8, 2], 2)];
  return tf.concat([a, tf.concat([b, tf.slice(b, [0, 0, 0], [1, 8, 1])], 2)], 0);
};

describeTensorFlow('Whiten64', () => {
  test('gives the worked example of spec "wmse": mean, covariance and both whitening matrices', () => {
    const x = tf.tensor3d([1, 2, 2, 1, 3, 4, 4, 3, 5, 6, 6, 8], [1, 6, 2]);
    const { mean, covariance, matrix, scales, whitened } = run(x, 'cholesky', [0]);
    expectClose(mean, [3.5, 4]);
    expectClose(covariance, [3.5, 4.4, 4.4, 6.8]);
    expectClose(matrix, [0.534522, 0, -1.116162, 0.887856], { abs: 1e-6 });
    expectClose(scales, [1.870829, 1.126309], { abs: 1e-6 });
    expectClose(tf.slice(whitened, [0, 0, 0], [1, 1, 2]), [-1.336306, 1.014693], { abs: 1e-6 });
    expectClose(run(x, 'zca', [0]).matrix, [1.109555, -0.548105, -0.548105, 0.698476], { abs: 1e-6 });
    expectClose(run(x, 'cholesky', [0.1]).matrix, [0.5547, 0, -1.031672, 0.8467], { abs: 1e-6 });
  });

  test.each(['cholesky', 'zca'] as const)('whitens every slice on its own by %s', (method) => {
    const x = seededTensor([3, 20, 6], 4);
    const { whitened, vectors } = run(x, method, [0]);
    expectClose(covarianceOf(whitened), identities(3, 6), { abs: 1e-5 });
    expectClose(tf.matMul(vectors, vectors, true, false), identities(3, 6), { abs: 1e-5 });
    expectClose(run(tf.slice(x, 1, 1), method, [0]).whitened, tf.slice(whitened, 1, 1));
  });

  test('keeps its precision where a float32 covariance would not be positive definite', () => {
    const rows = tf.mul(seededTensor([1, 64, 2], 4), [1, 1e-4]);
    const near = tf.reshape(tf.matMul(tf.reshape(rows, [64, 2]), tf.tensor2d([1, 1, 0, 1], [2, 2])), [1, 64, 2]);
    const { whitened, scales } = run(near, 'cholesky', [0]);
    const [large, small] = valuesOf(scales) as [number, number];
    expect((large / small) ** 2).toBeGreaterThan(1e7);
    expectClose(covarianceOf(whitened), identities(1, 2), { abs: 1e-5 });
  });

  test.each(['cholesky', 'zca'] as const)('chooses ε slice by slice by %s', (method) => {
    const { epsilon, whitened } = run(withDouble(), method, [0, 1e-6, 1e-2]);
    expectClose(epsilon, [0, 1e-6], { abs: 1e-9 });
    expect(valuesOf(whitened).every(Number.isFinite)).toBe(true);
  });

  test.each(['cholesky', 'zca'] as const)(
    'makes NaN of a slice that it cannot whiten by %s, and of no other',
    (method) => {
      const [good, bad] = tf.unstack(run(withDouble(), method, [0]).whitened).map(valuesOf);
      expect(good!.every(Number.isFinite)).toBe(true);
      expect(bad!.every(Number.isNaN)).toBe(true);
      const broken = tf.concat([tf.fill([1, 8, 3], Number.NaN), seededTensor([1, 8, 3], 5)], 0);
      const [nan, other] = tf.unstack(run(broken, method, [0, 1e-2]).whitened).map(valuesOf);
      expect(nan!.every(Number.isNaN)).toBe(true);
      expect(other!.every(Number.isFinite)).toBe(true);
    },
  );

  test('is recorded: a compiled step gives the same, in bfloat16 too', async () => {
    const x = hostTensor([2, 12, 4], seededTensor([2, 12, 4], 6).dataSync() as Float32Array);
    const step: StepFunction = ({ x }) => ({
      ...run(x!, 'cholesky', [0, 1e-3]),
      ...{ zca: run(x!, 'zca', [0.1]).whitened },
    });
    const results = [];
    for (const runtime of [eagerRuntime, compiledRuntime(), compiledRuntime({ precision: 'bf16' })]) {
      const program = runtime.createProgram({});
      results.push(await (await program.prepare('whiten', step, { x })).run({ x }));
      program.dispose();
    }
    const [eager, ...compiled] = results as [(typeof results)[0], ...typeof results];
    for (const outputs of compiled) {
      for (const [name, { data }] of Object.entries(outputs)) expectClose(data, eager[name]!.data);
    }
  });

  test('leaves nothing in the library', () => {
    const { binding } = tensorflow();
    const x = seededTensor([2, 12, 4], 6);
    const both = () =>
      tf.tidy(() => {
        run(x, 'cholesky', [0, 1e-3]);
        run(x, 'zca', [0]);
      });
    both(); // also uploads x
    const before = binding.getNumOfTensors();
    both();
    expect(binding.getNumOfTensors()).toBe(before);
  });
});
