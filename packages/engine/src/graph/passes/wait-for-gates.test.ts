import { eagerRuntime, hostTensor, type Runtime, recompute } from '@contrastive/core';
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { node, show, stepOf } from '../../../test/graphs.js';
import { describeTensorFlow } from '../../../test/tensorflow.js';
import { compiledRuntime } from '../../compiled-runtime.js';
import { waitForGates } from './wait-for-gates.js';

test('a gated tensor waits for its gate by a control edge', () => {
  const step = stepOf(
    [node('x', 'Placeholder'), node('dy', 'Placeholder'), node('g', 'IdentityN', ['x', 'dy:1'])],
    ['g'],
  );
  expect(show(waitForGates(step)).at(-1)).toBe('g = Identity(x, ^dy)');
});

/** Gradient of a function whose inside is computed again. */
async function gradient(runtime: Runtime) {
  const inputs = { x: hostTensor([3], Float32Array.of(0.1, -0.2, 0.3)) };
  const program = runtime.createProgram({});
  const inner = recompute((x: tf.Tensor) => tf.square(tf.exp(x)));
  const step = await program.prepare('gradient', ({ x }) => ({ dx: tf.grad((y) => tf.sum(inner(y)))(x!) }), inputs);
  const { dx } = await step.run(inputs);
  program.dispose();
  return [...dx!.data];
}

describeTensorFlow('recomputation in a compiled step', () => {
  test('gives the gradient of the eager step in either precision', async () => {
    const eager = await gradient(eagerRuntime);
    for (const precision of ['f32', 'bf16'] as const) {
      const compiled = await gradient(compiledRuntime({ precision }));
      for (const [i, value] of compiled.entries()) expect(value).toBeCloseTo(eager[i]!, 5);
    }
    expect(eager[0]).toBeCloseTo(2 * Math.exp(0.2), 5);
  });

  test('the second run reads its input through a gate', async () => {
    const [x, dy] = [tf.tensor1d([1, 2]), tf.tensor1d([3, 4])];
    const late = tf.engine().runKernel('After', { x, gate: dy }) as tf.Tensor;
    expect([...late.dataSync()]).toEqual([1, 2]);
    tf.dispose([x, dy, late]);
  });
});
