import { hostTensor } from '@contrastive/core';
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { describeTensorFlow, tensorflow } from '../test/tensorflow.js';
import { compiledRuntime, type Precision } from './compiled-runtime.js';
import { loadTensorFlow } from './load.js';
import { tensorFloat32 } from './native/tensor-float.js';

describeTensorFlow('a compiled runtime', () => {
  test('lets GPUs round products in tf32 only, which changes nothing on processors', async () => {
    const { library, isUsingGpuDevice } = tensorflow();
    const product = async (precision: Precision) => {
      const program = compiledRuntime({ precision }).createProgram({});
      const x = hostTensor([1, 2], Float32Array.of(1 + 2 ** -20, 1));
      const step = await program.prepare('product', ({ x }) => ({ y: tf.matMul(x!, x!, false, true) }), { x });
      const { y } = await step.run({ x });
      program.dispose();
      return { value: y!.data[0]!, isOn: tensorFloat32(library.file)?.isEnabled() };
    };
    const [exact, rounded] = [await product('f32'), await product('tf32')];
    expect([exact.isOn, rounded.isOn]).toEqual([false, true]);
    expect(exact.value).toBeCloseTo(2 + 2 ** -19, 7);
    if (!isUsingGpuDevice) expect(rounded.value).toBe(exact.value);
  });

  test('says what it does not know', () => {
    const wrong = { precision: 'f16' as Precision, threads: 0 };
    expect(() => compiledRuntime(wrong)).toThrow(/precision must be one of f32, tf32, bf16.*threads must be/s);
  });

  test('refuses XLA and the device gpu without a GPU', async () => {
    if (tensorflow().isUsingGpuDevice) return;
    expect(() => compiledRuntime({ xla: true })).toThrow('xla needs a GPU');
    await expect(loadTensorFlow({ device: 'gpu' })).rejects.toThrow(/device is gpu, but .* finds only CPU/);
    await expect(loadTensorFlow({ device: 'cpu' })).resolves.toBe(tensorflow());
  });
});

test('a device that is none of those is refused before anything is loaded', async () => {
  await expect(loadTensorFlow({ device: 'tpu' as 'gpu' })).rejects.toThrow('device must be one of auto, cpu, gpu');
});
