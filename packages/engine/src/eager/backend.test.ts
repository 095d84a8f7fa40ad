import { createRequire } from 'node:module';
import { SslError } from '@contrastive/core';
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { describeTensorFlow, tensorflow } from '../../test/tensorflow.js';
import { loadTensorFlow } from '../load.js';

describeTensorFlow('the tfjs backend', () => {
  test('is current after loading, and loading again gives the same TensorFlow', async () => {
    expect(tf.getBackend()).toBe('tensorflow');
    expect(await loadTensorFlow()).toBe(tensorflow());
    await expect(loadTensorFlow({ threads: tensorflow().threads + 1 })).rejects.toMatchObject({ code: 'BAD_OPTION' });
  });

  test('computes, differentiates and handles text', () => {
    const a = tf.tensor2d([1, 2, 3, 4], [2, 2]);
    expect([...tf.matMul(a, a).dataSync()]).toEqual([7, 10, 15, 22]);
    expect([
      ...tf
        .grad((x) => tf.sum(tf.square(x)))(a)
        .dataSync(),
    ]).toEqual([2, 4, 6, 8]);
    expect(tf.tensor1d(['ab', 'çd']).dataSync()).toEqual(['ab', 'çd']);
    expect([...tf.topk(a, 1).indices.dataSync()]).toEqual([1, 1]);
  });

  test('never loads the entry point of tfjs-node, which wants the compiled addon', () => {
    const loaded = Object.keys(createRequire(import.meta.url).cache);
    expect(loaded.some((file) => file.includes('tfjs-node-gpu/dist/nodejs_kernel_backend.js'))).toBe(true);
    expect(loaded.some((file) => file.endsWith('tfjs-node-gpu/dist/index.js'))).toBe(false);
  });

  test('says so when a disposed tensor is used', () => {
    const a = tf.tensor1d([1]);
    a.dispose();
    expect(() => tf.add(a, 1)).toThrow(expect.objectContaining({ code: 'DISPOSED' }));
    expect(() => tf.add(a, 1)).toThrow(SslError);
  });

  test('frees what tidy frees', () => {
    const before = tensorflow().binding.getNumOfTensors();
    tf.tidy(() => tf.matMul(tf.ones([3, 3]), tf.ones([3, 3])).dataSync());
    expect(tensorflow().binding.getNumOfTensors()).toBe(before);
  });

  test('lists a CPU among its devices', () => {
    expect(tensorflow().devices.map((d) => d.type)).toContain('CPU');
  });
});
