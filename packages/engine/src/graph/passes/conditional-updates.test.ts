import { eagerRuntime, hostScalar, hostTensor, type Runtime } from '@contrastive/core';
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { node, stepOf } from '../../../test/graphs.js';
import { describeTensorFlow } from '../../../test/tensorflow.js';
import { compiledRuntime } from '../../compiled-runtime.js';
import { DT } from '../../native/dtype.js';
import type { TensorFlowStep } from '../program.js';
import { makeUpdatesConditional } from './conditional-updates.js';

const NODES = [
  node('good', 'Placeholder', [], [], DT.bool),
  node('goods', 'Placeholder', [], [2, 2], DT.bool),
  node('wide', 'Reshape', ['good'], [1, 1], DT.bool),
  node('tiled', 'Tile', ['wide'], [2, 2], DT.bool),
  node('v', 'VarHandleOp', [], [], DT.resource),
  node('old', 'ReadVariableOp', ['v']),
  node('new', 'Square', ['old']),
  node('kept', 'Select', ['tiled', 'new', 'old']),
  node('each', 'Select', ['goods', 'new', 'old']),
  node('other', 'Select', ['tiled', 'new', 'new']),
];
const assigning = (value: string, outputs: string[] = []) =>
  stepOf(NODES, outputs, { assigns: new Map([['v', value]]) });

test('a choice between a new value and the present one becomes a condition', () => {
  const step = makeUpdatesConditional(assigning('kept'));
  expect([...step.assigns]).toEqual([['v', 'new']]);
  expect([...step.conditions!]).toEqual([['v', 'good']]);
});

test('a choice for each element, from something else, or that is read elsewhere stays', () => {
  for (const step of [assigning('each'), assigning('other'), assigning('kept', ['kept'])]) {
    expect(makeUpdatesConditional(step)).toBe(step);
  }
});

/** Momentum steps of which those with a gradient that is not finite are undone; values of all variables after each. */
async function train(runtime: Runtime) {
  const [weight, velocity, count] = tf.tidy(() => [
    tf.variable(tf.tensor1d([1, 2])),
    tf.variable(tf.tensor1d([0, 0]), false),
    tf.variable(tf.scalar(0), false),
  ]);
  const program = runtime.createProgram({ weight, velocity, count });
  const run = ({ gradient, rate }: Record<string, tf.Tensor>) => {
    const before = [weight, velocity].map((variable) => ({ variable, value: tf.clone(variable) }));
    velocity.assign(tf.add(tf.mul(velocity, 0.9), gradient!));
    weight.assign(tf.sub(weight, tf.mul(velocity, rate!)));
    count.assign(tf.add(count, 1));
    const isGood = tf.less(tf.sum(gradient!), Number.POSITIVE_INFINITY);
    for (const { variable, value } of before) variable.assign(tf.where(isGood, variable, value));
    return { applied: tf.cast(isGood, 'int32') };
  };
  const inputs = (value: number) => ({ gradient: hostTensor([2], Float32Array.of(1, value)), rate: hostScalar(0.1) });
  const step = await program.prepare('train', run, inputs(0));
  const seen: number[][] = [];
  for (const value of [1, Number.NaN, 2, Number.POSITIVE_INFINITY, 3]) {
    const { applied } = await step.run(inputs(value));
    await program.pull();
    seen.push([applied!.data[0]!, ...[weight, velocity, count].flatMap((v) => Array.from(v.dataSync()))]);
  }
  program.dispose();
  tf.dispose([weight, velocity, count]);
  return { seen, step };
}

describeTensorFlow('conditional updates', () => {
  test('leave variables alone where the step is undone, in place of a choice for each of them', async () => {
    const eager = await train(eagerRuntime);
    const { seen, step } = await train(compiledRuntime());
    expect(seen.map((values) => values[0])).toEqual([1, 0, 1, 0, 1]);
    expect(seen[1]!.slice(1, -1)).toEqual(seen[0]!.slice(1, -1));
    expect(seen.map((values) => values.at(-1))).toEqual([1, 2, 3, 4, 5]);
    for (const [i, values] of seen.entries()) {
      for (const [j, value] of values.entries()) expect(value).toBeCloseTo(eager.seen[i]![j]!, 6);
    }
    expect((step as TensorFlowStep).stats.updates).toBe(1);
  });
});
