import {
  type CompiledStep,
  eagerRuntime,
  hostScalar,
  hostTensor,
  lars,
  type Optimizer,
  type Parameter,
  type Runtime,
  sgd,
} from '@contrastive/core';
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { constant, node, show, stepOf } from '../../../test/graphs.js';
import { describeTensorFlow } from '../../../test/tensorflow.js';
import { compiledRuntime } from '../../compiled-runtime.js';
import { DT } from '../../native/dtype.js';
import type { TensorFlowStep } from '../program.js';
import { fuseMomentum } from './momentum.js';

const scalar = { ...constant('mu', 0.9), outputs: [{ dtype: DT.float32, shape: [] }] };
const handle = (name: string) => node(name, 'VarHandleOp', [], [], DT.resource);
const NODES = [
  scalar,
  node('g', 'Placeholder'),
  node('lr', 'Placeholder', [], []),
  handle('p'),
  handle('v'),
  node('p0', 'ReadVariableOp', ['p']),
  node('v0', 'ReadVariableOp', ['v']),
  node('decayed', 'Mul', ['v0', 'mu']),
  node('v1', 'Add', ['decayed', 'g']),
  node('move', 'Mul', ['v1', 'lr']),
  node('p1', 'Sub', ['p0', 'move']),
];
const assigns = new Map([
  ['p', 'p1'],
  ['v', 'v1'],
]);

test('a momentum step becomes one operation in place of two assignments', () => {
  const step = fuseMomentum(stepOf(NODES, [], { assigns }));
  expect(step.assigns.size).toBe(0);
  const [update] = step.updates!;
  expect(show({ ...step, nodes: [update!.node] })).toEqual(['momentum0 = ResourceApplyMomentum(p, v, lr, g, mu)']);
  expect(update!.handles).toEqual(['p', 'v']);
});

test('new values that something else reads stay as they are', () => {
  for (const output of ['v1', 'p1', 'move']) {
    const step = fuseMomentum(stepOf(NODES, [output], { assigns }));
    expect(step.assigns).toEqual(assigns);
    expect(step.updates).toEqual([]);
  }
});

test('a rate for each element, or a velocity that is not the variable’s own, is no momentum step', () => {
  const perElement = NODES.map((n) => (n.name === 'lr' ? node('lr', 'Placeholder') : n));
  expect(fuseMomentum(stepOf(perElement, [], { assigns })).assigns.size).toBe(2);
  const foreign = NODES.map((n) => (n.name === 'decayed' ? node('decayed', 'Mul', ['p0', 'mu']) : n));
  expect(fuseMomentum(stepOf(foreign, [], { assigns })).assigns.size).toBe(2);
});

/** Weights after some steps towards a target, and the compiled step. */
async function train(runtime: Runtime, optimizer: Optimizer) {
  const initial = tf.tensor2d([1, -2, 3, 4], [2, 2]);
  const variable = tf.variable(initial);
  initial.dispose();
  const spec = { shape: [2, 2], role: 'kernel', init: () => new Float32Array(4) } as const;
  const parameters: Parameter[] = [{ path: 'w', variable, spec }];
  const slots = optimizer.slots(parameters);
  const program = runtime.createProgram({ variable, ...slots });
  const inputs = (i: number) => ({ target: hostTensor([2, 2], Float32Array.of(i, 1, 0, -i)), lr: hostScalar(0.1 / i) });
  const step: CompiledStep = await program.prepare(
    'train',
    ({ target, lr }) => {
      const before = tf.mul(variable, 1);
      const rates = { scheduled: lr as tf.Scalar, base: lr as tf.Scalar };
      optimizer.update(parameters, [tf.sub(variable, target!)], slots, rates);
      return { before };
    },
    inputs(1),
  );
  for (let i = 1; i < 6; i++) await step.run(inputs(i));
  const { before } = await step.run(inputs(6));
  await program.pull();
  const values = [variable, ...Object.values(slots)].map((v) => Array.from(v.dataSync()));
  program.dispose();
  tf.dispose([variable, slots]);
  return { step, values: [...values, Array.from(before!.data)].flat() };
}

describeTensorFlow('momentum in place', () => {
  const optimizers: Record<string, Optimizer> = {
    plain: sgd({ learningRate: 1, weightDecay: 0 }),
    decayed: sgd({ learningRate: 1, weightDecay: 0.01 }),
    nesterov: sgd({ learningRate: 1, nesterov: true }),
    lars: lars({ learningRate: 1, weightDecay: 0.01 }),
  };
  for (const [name, optimizer] of Object.entries(optimizers)) {
    test(`moves parameters and velocities as the ${name} optimiser does eagerly`, async () => {
      const eager = await train(eagerRuntime, optimizer);
      const compiled = await train(compiledRuntime(), optimizer);
      expect((compiled.step as TensorFlowStep).stats.updates).toBe(1);
      for (const [i, value] of compiled.values.entries()) expect(value).toBeCloseTo(eager.values[i]!, 6);
    });
  }
});
