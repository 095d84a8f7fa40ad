import { hostTensor } from '@contrastive/core';
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { node, show, stepOf } from '../../../test/graphs.js';
import { describeTensorFlow, tensorflow } from '../../../test/tensorflow.js';
import { ATTR } from '../../eager/tfjs-binding.js';
import { DT } from '../../native/dtype.js';
import { encodeAttr, stringAttr } from '../attr-value.js';
import { GraphProgram, type Pass } from '../program.js';
import { bfloat16 } from './bfloat16.js';
import { expandKernelGradients } from './kernel-gradients.js';

interface Shape {
  readonly side?: number;
  readonly channels?: number;
  readonly size?: number;
  readonly dilation?: number;
}

function gradient({ side = 4, channels = 256, size = 3, dilation = 1 }: Shape, dtype: number = DT.bfloat16) {
  const map = [2, side, side, channels];
  const kernel = node('g', 'Conv2DBackpropFilter', ['x', 'sizes', 'dy'], [size, size, channels, channels], dtype);
  const dilations = encodeAttr({ name: 'dilations', type: ATTR.int, value: [1, dilation, dilation, 1] });
  const attrs = new Map([...kernel.attrs, ['dilations', dilations], ['data_format', stringAttr('NHWC')]]);
  const nodes = [node('x', 'Placeholder', [], map), node('sizes', 'Const'), node('dy', 'Placeholder', [], map)];
  return stepOf([...nodes, { ...kernel, attrs }], ['g']);
}
const count = (shape: Shape, dtype?: number) =>
  expandKernelGradients(gradient(shape, dtype)).nodes.filter((n) => n.op === 'MatMul').length;

test('the gradient of a wide 3 × 3 kernel on small maps becomes nine products', () => {
  expect(count({})).toBe(9);
  expect(show(expandKernelGradients(gradient({}))).at(-1)).toBe('g = Reshape(g_packed, g_shape)');
});

test('narrow or other kernels, large maps, dilation and float32 stay', () => {
  for (const shape of [{ channels: 128 }, { side: 16 }, { size: 1 }, { dilation: 2 }]) expect(count(shape)).toBe(0);
  expect(count({}, DT.float32)).toBe(0);
});

describeTensorFlow('kernel gradients as products', () => {
  test('are those of the convolution', async () => {
    const [side, channels] = [4, 256];
    const shape: [number, number, number, number] = [2, side, side, channels];
    // Small integers: their products and sums are exact in bfloat16 and float32.
    const values = (period: number) =>
      Float32Array.from({ length: 2 * side * side * channels }, (_, i) => (i % period === 0 ? (i % 3) - 1 : 0));
    const inputs = { x: hostTensor(shape, values(7)), dy: hostTensor(shape, values(5)) };
    const attrs = { strides: [1, 1], pad: 'same', dataFormat: 'NHWC', filterShape: [3, 3, channels, channels] };
    const run = async (passes: readonly Pass[]) => {
      const program = new GraphProgram(tensorflow(), {}, { passes, session: {} });
      const step = await program.prepare(
        'gradient',
        ({ x, dy }) => ({
          kernel: tf.engine().runKernel('Conv2DBackpropFilter', { x: x!, dy: dy! }, attrs) as tf.Tensor,
        }),
        inputs,
      );
      const { kernel } = await step.run(inputs);
      program.dispose();
      return { ops: step.stats.ops, values: kernel!.data };
    };
    const [whole, expanded] = [await run([bfloat16]), await run([bfloat16, expandKernelGradients])];
    expect(expanded.ops).toBeGreaterThan(whole.ops + 20);
    expect(expanded.values.some((v) => v !== 0)).toBe(true);
    expect(expanded.values).toEqual(whole.values);
  });
});
