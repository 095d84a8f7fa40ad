import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { compiledRuntime } from './compiled-runtime.js';
import { selectBackend } from './select-backend.js';

test('without a library that loads, wasm is chosen, with the reason and the remedy', async () => {
  const chosen = await selectBackend({ library: '/nowhere/libtensorflow_cc.so.2' });
  expect(chosen.backend).toBe('wasm');
  expect(chosen.reason).toContain('/nowhere/libtensorflow_cc.so.2');
  expect(chosen.reason).toContain('contrastive setup');
  expect(tf.getBackend()).toBe('wasm');
});

test('a wrong option is an error and not a reason for wasm', async () => {
  await expect(selectBackend({ threads: 0 })).rejects.toMatchObject({ code: 'BAD_OPTION' });
});

test('nothing compiles before TensorFlow is loaded', () => {
  expect(() => compiledRuntime()).toThrow(expect.objectContaining({ code: 'BACKEND_MISSING' }));
});

test('options of the compiled runtime are checked before anything else', () => {
  expect(() => compiledRuntime({ precision: 'f16' as 'f32', threads: 0.5 })).toThrow(
    /precision must be[\s\S]*threads must be/,
  );
});
