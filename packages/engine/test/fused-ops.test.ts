import { batchNormalization, conv2d, relu, selfAttention } from '@contrastive/core';
import { expectClose, seededTensor } from '@contrastive/testing';
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { describeTensorFlow } from './tensorflow.js';

/** Value and gradients of Σ square(f) on one backend, as plain arrays. */
function on(backend: string, f: (...xs: tf.Tensor[]) => tf.Tensor, seeds: readonly (readonly number[])[]) {
  tf.setBackend(backend);
  return tf.tidy(() => {
    const xs = seeds.map((shape, i) => seededTensor(shape as [number, number], i + 1));
    const { value, grads } = tf.valueAndGrads((...args: tf.Tensor[]) => tf.sum(tf.square(f(...args))))(xs);
    return [value, ...grads].map((t) => Array.from(t.dataSync()));
  });
}

const still = { training: true, updateStats: false };

/** Batch norm with all weights given; running statistics do not matter in training. */
const norm = (splits: number) => (x: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor) => {
  const mean = tf.variable(tf.zeros([3]));
  const y = batchNormalization(x, { gamma, beta, mean, variance: mean }, still, { splits });
  mean.dispose();
  return y;
};

const CASES: Readonly<Record<string, readonly [f: unknown, shapes: readonly (readonly number[])[]]>> = {
  'batch norm of maps': [norm(1), [[4, 3, 3, 3], [3], [3]]],
  'batch norm of rows': [norm(1), [[6, 3], [3], [3]]],
  'batch norm in two sub-batches': [norm(2), [[4, 3, 3, 3], [3], [3]]],
  relu: [relu, [[4, 5]]],
  attention: [(qkv: tf.Tensor3D) => selfAttention(qkv, 2), [[2, 3, 12]]],
  'strided convolution': [
    (x: tf.Tensor4D, k: tf.Tensor) => conv2d(x, k, { stride: 2, padding: 1 }),
    [
      [2, 6, 6, 3],
      [3, 3, 3, 4],
    ],
  ],
  // Shapes for which TensorFlow's own gradient of a strided 1×1 kernel writes out of bounds.
  'strided 1×1 convolution': [
    (x: tf.Tensor4D, k: tf.Tensor) => conv2d(x, k, { stride: 2 }),
    [
      [3, 16, 16, 8],
      [1, 1, 8, 16],
    ],
  ],
};

describeTensorFlow('fused operations', () => {
  test.each(Object.keys(CASES))('%s: value and gradients are those of the composition', (name) => {
    const [f, shapes] = CASES[name]!;
    const run = (backend: string) => on(backend, f as (...xs: tf.Tensor[]) => tf.Tensor, shapes);
    const [fused, composed] = [run('tensorflow'), run('cpu')];
    for (const [i, values] of composed.entries()) expectClose(fused[i]!, values, { rel: 2e-5, abs: 2e-5 });
  });

  test('running statistics too', () => {
    const statistics = (backend: string) => {
      tf.setBackend(backend);
      const [mean, variance] = [tf.variable(tf.zeros([3])), tf.variable(tf.ones([3]))];
      batchNormalization(seededTensor([4, 2, 2, 3], 1), { mean, variance }, { training: true, updateStats: true });
      return [...mean.dataSync(), ...variance.dataSync()];
    };
    expectClose(statistics('tensorflow'), statistics('cpu'));
    expect(tf.getKernel('FusedBatchNormV3', 'tensorflow')).toBeDefined();
  });
});
