import { eagerRuntime, hostTensor } from '@contrastive/core';
import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { useWasmBackend } from './backend.js';

interface Case {
  readonly size: number;
  readonly kernel: number;
  readonly stride: number;
  readonly pad: 'same' | 'valid' | number;
}

/** Σ x[i] · w[k] · dy[o] over all i = o · stride + k − before: every gradient is a part of this sum. */
function forEachTap(
  { size, kernel, stride }: Case,
  before: number,
  out: number,
  visit: (i: number[], k: number[], o: number[]) => void,
) {
  for (let a = 0; a < out; a++)
    for (let b = 0; b < out; b++)
      for (let p = 0; p < kernel; p++)
        for (let q = 0; q < kernel; q++) {
          const [i, j] = [a * stride + p - before, b * stride + q - before];
          if (i >= 0 && j >= 0 && i < size && j < size) visit([i, j], [p, q], [a, b]);
        }
}

const cases: fc.Arbitrary<Case> = fc
  .record({
    size: fc.integer({ min: 3, max: 9 }),
    kernel: fc.constantFrom(1, 2, 3),
    stride: fc.constantFrom(1, 2, 3),
    pad: fc.constantFrom('same' as const, 'valid' as const, 1),
  })
  .filter((c) => c.kernel >= c.stride || c.pad === 'valid');

describe('training on wasm', () => {
  beforeAll(useWasmBackend);

  test('both gradients of a convolution are the sums of their definition', () => {
    fc.assert(
      fc.property(cases, fc.integer({ min: 1, max: 1e6 }), (c, seed) => {
        tf.tidy(() => {
          const [channels, filters] = [2, 3];
          const x = tf.randomNormal([1, c.size, c.size, channels], 0, 1, 'float32', seed) as tf.Tensor4D;
          const w = tf.randomNormal([c.kernel, c.kernel, channels, filters], 0, 1, 'float32', seed + 1) as tf.Tensor4D;
          const conv = (a: tf.Tensor, b: tf.Tensor) => tf.conv2d(a as tf.Tensor4D, b as tf.Tensor4D, c.stride, c.pad);
          const info = tf.backend_util.computeConv2DInfo(x.shape, w.shape, c.stride, 1, c.pad);
          const dy = tf.randomNormal(info.outShape, 0, 1, 'float32', seed + 2);
          const [dx, dw] = tf.grads(conv)([x, w], dy) as [tf.Tensor4D, tf.Tensor4D];
          const [X, W, DY] = [x.arraySync(), w.arraySync(), dy.arraySync() as number[][][][]];
          const wantX = tf.zerosLike(x).arraySync();
          const wantW = tf.zerosLike(w).arraySync();
          forEachTap(c, info.padInfo.top, info.outHeight, ([i, j], [p, q], [a, b]) => {
            for (let ch = 0; ch < channels; ch++)
              for (let f = 0; f < filters; f++) {
                const d = DY[0]![a!]![b!]![f]!;
                wantX[0]![i!]![j!]![ch]! += d * W[p!]![q!]![ch]![f]!;
                wantW[p!]![q!]![ch]![f]! += d * X[0]![i!]![j!]![ch]!;
              }
          });
          const worst = (a: tf.Tensor, b: number[][][][]) => tf.max(tf.abs(tf.sub(a, tf.tensor4d(b)))).dataSync()[0]!;
          expect(worst(dx, wantX)).toBeLessThan(1e-4);
          expect(worst(dw, wantW)).toBeLessThan(1e-4);
        });
      }),
      { numRuns: 60 },
    );
  });

  test('the gradient of gather adds up the rows that were taken twice', () => {
    const indices = tf.tensor1d([2, 0, 2], 'int32');
    const gradient = tf.grad((x) => tf.sum(tf.mul(tf.gather(x, indices), tf.tensor2d([1, 10, 100], [3, 1]))));
    expect([...gradient(tf.zeros([3, 1])).dataSync()]).toEqual([10, 0, 101]);
  });

  test('the gradient of max pooling reaches maxima below zero', () => {
    const gradient = tf.grad((x) => tf.sum(tf.maxPool(x as tf.Tensor4D, 2, 2, 'valid')));
    expect([...gradient(tf.tensor4d([-4, -1, -2, -3], [1, 2, 2, 1])).dataSync()]).toEqual([0, 1, 0, 0]);
  });

  test('a network with strides, pooling and a residual trains', async () => {
    const weight = (shape: number[], seed: number) =>
      tf.variable(tf.mul(tf.randomNormal(shape, 0, 1, 'float32', seed), 0.3));
    const variables = {
      a: weight([3, 3, 3, 4], 1),
      b: weight([3, 3, 4, 4], 2),
      c: weight([3, 3, 4, 4], 3),
      d: weight([4, 2], 4),
    };
    const { a, b, c, d } = variables;
    const net = (x: tf.Tensor): tf.Tensor => {
      const stem = tf.maxPool(tf.relu(tf.conv2d(x as tf.Tensor4D, a as tf.Tensor4D, 1, 'same')), 3, 2, 'same');
      const block = tf.add(
        tf.conv2d(
          tf.relu(tf.conv2d(stem as tf.Tensor4D, b as tf.Tensor4D, 1, 'same')) as tf.Tensor4D,
          c as tf.Tensor4D,
          1,
          'same',
        ),
        stem,
      );
      return tf.matMul(tf.mean(block, [1, 2]) as tf.Tensor2D, d as tf.Tensor2D);
    };
    const program = eagerRuntime.createProgram(variables);
    const x = hostTensor([4, 8, 8, 3], tf.randomNormal([4, 8, 8, 3], 0, 1, 'float32', 5).dataSync() as Float32Array);
    const step = await program.prepare(
      'train',
      ({ x: images }) => {
        const target = tf.tensor2d([1, 0, 0, 1, 1, 0, 0, 1], [4, 2]);
        const { value, grads } = tf.variableGrads(
          () => tf.mean(tf.squaredDifference(net(images!), target)) as tf.Scalar,
        );
        for (const v of Object.values(variables)) v.assign(tf.sub(v, tf.mul(grads[v.name]!, 0.02)));
        return { loss: value };
      },
      { x },
    );
    const losses: number[] = [];
    for (let i = 0; i < 20; i++) losses.push((await step.run({ x })).loss!.data[0]!);
    expect(losses[19]).toBeLessThan(losses[0]! * 0.5);
    tf.dispose(variables);
  });
});
