import {
  type AdamOptions,
  adam,
  adamW,
  eagerRuntime,
  hostScalar,
  hostTensor,
  type Optimizer,
  type Parameter,
  type Runtime,
} from '@contrastive/core';
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { constant, node, show, stepOf } from '../../../test/graphs.js';
import { describeTensorFlow } from '../../../test/tensorflow.js';
import { compiledRuntime } from '../../compiled-runtime.js';
import { DT } from '../../native/dtype.js';
import type { TensorFlowStep } from '../program.js';
import { fuseAdam } from './adam.js';

const scalar = (name: string, value: number) => ({
  ...constant(name, value),
  outputs: [{ dtype: DT.float32, shape: [] }],
});
const variable = (name: string) => [
  node(name, 'VarHandleOp', [], [], DT.resource),
  node(`${name}0`, 'ReadVariableOp', [name]),
];
const NODES = [
  ...[scalar('b1', 0.5), scalar('rest1', 0.5), scalar('b2', 0.75), scalar('rest2', 0.25), scalar('eps', 0.1)],
  ...[node('g', 'Placeholder'), node('lr', 'Placeholder', [], []), node('root2', 'Placeholder', [], [])],
  ...['p', 'm', 'v'].flatMap(variable),
  ...[node('old1', 'Mul', ['m0', 'b1']), node('new1', 'Mul', ['g', 'rest1']), node('m1', 'AddV2', ['old1', 'new1'])],
  ...[node('gg', 'Square', ['g']), node('old2', 'Mul', ['v0', 'b2']), node('new2', 'Mul', ['gg', 'rest2'])],
  ...[
    node('v1', 'AddV2', ['old2', 'new2']),
    node('root', 'Sqrt', ['v1']),
    node('corrected', 'RealDiv', ['root', 'root2']),
  ],
  ...[node('safe', 'AddV2', ['corrected', 'eps']), node('direction', 'RealDiv', ['m1', 'safe'])],
  ...[node('move', 'Mul', ['direction', 'lr']), node('p1', 'Sub', ['p0', 'move'])],
];
const assigns = new Map([
  ['p', 'p1'],
  ['m', 'm1'],
  ['v', 'v1'],
]);

test('a step of Adam becomes one operation in place of three assignments', () => {
  const step = fuseAdam(stepOf(NODES, [], { assigns }));
  expect(step.assigns.size).toBe(0);
  expect(show({ ...step, nodes: step.updates!.map((u) => u.node) })).toEqual([
    'adam0 = ResourceApplyAdam(p, m, v, adamZero, adamZero, adamRate0, b1, b2, adamEpsilon0, g)',
  ]);
  expect(show({ ...step, nodes: step.nodes.slice(-2) })).toEqual([
    'adamRate0 = Mul(lr, root2)',
    'adamEpsilon0 = Mul(eps, root2)',
  ]);
  expect(step.updates![0]!.handles).toEqual(['p', 'm', 'v']);
});

test('new values that something else reads stay as they are', () => {
  for (const output of ['p1', 'm1', 'v1', 'move']) {
    expect(fuseAdam(stepOf(NODES, [output], { assigns })).assigns).toEqual(assigns);
  }
});

test('weights that do not sum to one, or squares of something else, are no step of Adam', () => {
  const without = (name: string, other: (typeof NODES)[number]) => NODES.map((n) => (n.name === name ? other : n));
  for (const nodes of [without('rest2', scalar('rest2', 0.5)), without('gg', node('gg', 'Square', ['p0']))]) {
    expect(fuseAdam(stepOf(nodes, [], { assigns })).assigns).toEqual(assigns);
  }
});

/** Weight and moments after each of some steps, and the compiled step. */
async function train(runtime: Runtime, optimizer: Optimizer) {
  const variable = tf.tidy(() => tf.variable(tf.tensor2d([1, -2, 3, 4], [2, 2])));
  const spec = { shape: [2, 2], role: 'kernel', init: () => new Float32Array(4) } as const;
  const parameters: Parameter[] = [{ path: 'w', variable, spec }];
  const slots = optimizer.slots(parameters);
  const program = runtime.createProgram({ variable, ...slots });
  const inputs = (i: number) => ({ target: hostTensor([2, 2], Float32Array.of(i, 1, 0, -i)), lr: hostScalar(0.1 / i) });
  const step = await program.prepare(
    'train',
    ({ target, lr }) => {
      const rates = { scheduled: lr as tf.Scalar, base: lr as tf.Scalar };
      const gradient = tf.sub(variable, target!);
      optimizer.update(parameters, [gradient], slots, rates);
      return { gradient };
    },
    inputs(1),
  );
  const values: number[] = [];
  for (let i = 1; i < 6; i++) {
    await step.run(inputs(i));
    await program.pull();
    for (const v of [variable, slots['moment1/w']!, slots['moment2/w']!, slots.step!]) values.push(...v.dataSync());
  }
  program.dispose();
  tf.dispose([variable, slots]);
  return { step, values };
}

describeTensorFlow('Adam in place', () => {
  const options: AdamOptions = { learningRate: 1, weightDecay: 0.01 };
  const optimizers: Record<string, readonly [Optimizer, number]> = {
    'adam without decay': [adam({ ...options, weightDecay: 0 }), 1],
    adam: [adam(options), 1],
    'adam with a large ε': [adam({ ...options, epsilon: 0.1 }), 1],
    adamW: [adamW(options), 2],
  };
  for (const [name, [optimizer, updates]] of Object.entries(optimizers)) {
    test(`moves parameters and moments as ${name} does eagerly`, async () => {
      const eager = await train(eagerRuntime, optimizer);
      const compiled = await train(compiledRuntime(), optimizer);
      expect((compiled.step as TensorFlowStep).stats.updates).toBe(updates);
      for (const [i, value] of compiled.values.entries()) {
        const expected = eager.values[i]!;
        expect(Math.abs(value - expected)).toBeLessThan(2e-6 + 2e-5 * Math.abs(expected));
      }
    });
  }
});
