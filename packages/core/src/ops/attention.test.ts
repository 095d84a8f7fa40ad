import { expectClose, expectGradients, seededTensor } from '@contrastive/testing';
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { selfAttention } from './attention.js';
import { dense } from './dense.js';

test('dense multiplies the last axis and adds the bias', () => {
  const kernel = tf.tensor2d([
    [1, 2],
    [3, 4],
  ]);
  const y = dense(tf.tensor3d([1, 1, 0, 2], [2, 1, 2]), kernel, tf.tensor1d([10, 20]));
  expect(y.shape).toEqual([2, 1, 2]);
  expectClose(y, [14, 26, 16, 28]);
});

test.each([true, false])('dense has the gradients of its formula (bias: %s)', (hasBias) => {
  const upstream = seededTensor([2, 2, 4], 5);
  const xs = [seededTensor([2, 2, 3], 6), seededTensor([3, 4], 7), ...(hasBias ? [seededTensor([4], 8)] : [])];
  expectGradients((x, kernel, bias) => tf.sum(tf.mul(dense(x!, kernel!, bias), upstream)), xs);
});

test('equal queries and keys mix all values alike', () => {
  const qk = tf.zeros([1, 3, 4]);
  const v = seededTensor([1, 3, 2], 1);
  const mixed = selfAttention(tf.concat([qk, v], 2) as tf.Tensor3D, 1);
  expectClose(mixed, tf.add(tf.zeros([1, 3, 2]), tf.mean(v, 1, true)));
});

test('heads are contiguous blocks of columns: each is attention on its own', () => {
  const qkv = seededTensor<tf.Rank.R3>([2, 3, 12], 2);
  const columns = (from: number) => tf.slice(qkv, [0, 0, from], [2, 3, 2]);
  const head = (h: number) =>
    selfAttention(
      tf.concat(
        [0, 4, 8].map((part) => columns(part + 2 * h)),
        2,
      ) as tf.Tensor3D,
      1,
    );
  expectClose(selfAttention(qkv, 2), tf.concat([head(0), head(1)], 2));
});

test('selfAttention has the gradient of its formula', () => {
  const upstream = seededTensor([1, 3, 4], 3);
  expectGradients(
    (qkv) => tf.sum(tf.mul(selfAttention(qkv as tf.Tensor3D, 2), upstream)),
    [seededTensor([1, 3, 12], 4)],
  );
});
