import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import { describe, expect, it } from 'vitest';
import type { WeightRole } from '../module.js';
import { adam, adamW } from './adam.js';
import { type LarsOptions, lars } from './lars.js';
import type { Optimizer, Parameter } from './optimizer.js';
import { sgd } from './sgd.js';

interface Start {
  readonly weight: readonly number[];
  readonly gradients: readonly (readonly number[])[];
  readonly role?: WeightRole;
  readonly constantLr?: boolean;
  readonly rate?: number;
}

/** The weight (a matrix of one row, unless it is a bias) after one step per gradient. */
function descend(optimizer: Optimizer, { weight, gradients, role = 'kernel', constantLr, rate }: Start): number[] {
  const shape = role === 'kernel' ? [1, weight.length] : [weight.length];
  const variable = tf.variable(tf.tensor([...weight], shape));
  const spec = { shape, role, init: () => new Float32Array(weight.length), ...(constantLr && { constantLr }) };
  const parameters: Parameter[] = [{ path: 'w', variable, spec }];
  const slots = optimizer.slots(parameters);
  const rates = { base: tf.scalar(optimizer.learningRate), scheduled: tf.scalar(rate ?? optimizer.learningRate) };
  for (const g of gradients) optimizer.update(parameters, [tf.tensor([...g], shape)], slots, rates);
  return Array.from(variable.dataSync());
}
const expectClose = (actual: readonly number[], expected: readonly number[], digits = 6) => {
  expect(actual).toHaveLength(expected.length);
  for (const [i, value] of expected.entries()) expect(actual[i]).toBeCloseTo(value, digits);
};

describe('sgd', () => {
  it('moves by the gradient alone without momentum and decay', () => {
    const plain = sgd({ learningRate: 0.5, momentum: 0, weightDecay: 0 });
    expectClose(descend(plain, { weight: [1, 2], gradients: [[2, -1]] }), [0, 2.5]);
  });

  it('adds decay to the gradient and accumulates without dampening', () => {
    // g₁ = 1 + 0.1·2 = 1.2, v₁ = 1.2, p₁ = 0.8;  g₂ = 1 + 0.1·0.8 = 1.08, v₂ = 0.5·1.2 + 1.08 = 1.68, p₂ = −0.88.
    const o = sgd({ learningRate: 1, momentum: 0.5, weightDecay: 0.1 });
    expectClose(descend(o, { weight: [2], gradients: [[1], [1]] }), [-0.88]);
  });

  it('looks ahead with Nesterov momentum', () => {
    // step 1: v = 1, p = −(1 + 0.5·1) = −1.5;  step 2: v = 1.5, p = −1.5 − (1 + 0.75) = −3.25.
    const o = sgd({ learningRate: 1, momentum: 0.5, weightDecay: 0, nesterov: true });
    expectClose(descend(o, { weight: [0], gradients: [[1], [1]] }), [-3.25]);
  });

  it('decays vectors unless they are excluded', () => {
    const decayed = (excludeVectors: boolean, role: WeightRole) =>
      descend(sgd({ learningRate: 1, weightDecay: 0.5, excludeVectors }), { weight: [2], gradients: [[0]], role });
    expectClose(decayed(false, 'norm'), [1]);
    expectClose(decayed(true, 'norm'), [2]);
    expectClose(decayed(true, 'bias'), [2]);
    expectClose(decayed(true, 'kernel'), [1]);
  });

  it('keeps the base rate for weights that ask for it', () => {
    const move = (constantLr: boolean) =>
      descend(sgd({ learningRate: 1, weightDecay: 0 }), { weight: [0], gradients: [[1]], constantLr, rate: 0.25 });
    expectClose(move(false), [-0.25]);
    expectClose(move(true), [-1]);
  });

  it('reports all wrong options at once', () => {
    expect(() => sgd({ learningRate: 0, momentum: 2 })).toThrow(/learningRate must be .*\n.*momentum must be/);
    expect(() => sgd({ learningRate: 1, momentum: 0, nesterov: true })).toThrow(/nesterov needs momentum > 0/);
    expect(() => sgd({} as { learningRate: number })).toThrow(/learningRate must be a number > 0, but is undefined/);
  });

  it('refuses gradients that do not pair with parameters', () => {
    const o = sgd({ learningRate: 1 });
    const rates = { base: tf.scalar(1), scheduled: tf.scalar(1) };
    expect(() => o.update([], [tf.scalar(1)], {}, rates)).toThrow(expect.objectContaining({ code: 'SHAPE_MISMATCH' }));
  });
});

describe('lars', () => {
  const example: Start = { weight: [3, 4], gradients: [[0.6, 0.8]] };
  const first = (options: Partial<LarsOptions>, start = example) =>
    descend(lars({ learningRate: 0.5, weightDecay: 0.1, ...options }), start);

  it('gives the worked example of spec "hosts", lightly', () => {
    expectClose(first({}), [2.9985, 3.998]);
  });

  it('gives the worked example of spec "hosts", solo-learn with clipping', () => {
    expectClose(first({ dialect: 'solo', trust: 0.02, clip: true }), [2.94, 3.92]);
  });

  it('agrees between dialects while gradient and weight are parallel, up to the place of the rate', () => {
    // ‖g + wd·p‖ = ‖g‖ + wd·‖p‖ = 1.5: local = 0.001 · 5 / 1.5, step (0.9, 1.2) · local · 0.5.
    expectClose(first({ dialect: 'mocoV3' }), [2.9985, 3.998]);
    expectClose(first({ dialect: 'openSelfSup' }), [2.9985, 3.998]);
  });

  it('puts the rate into the velocity with openSelfSup only', () => {
    // Same gradient norm twice; the rate falls from 0.5 to 0 for the second step, where only the velocity moves.
    const second = (dialect: LarsOptions['dialect']) => {
      const o = lars({ learningRate: 0.5, weightDecay: 0.1, momentum: 0.5, ...(dialect && { dialect }) });
      const variable = tf.variable(tf.tensor2d([[3, 4]]));
      const spec = { shape: [1, 2], role: 'kernel' as const, init: () => new Float32Array(2) };
      const parameters = [{ path: 'w', variable, spec }];
      const slots = o.slots(parameters);
      for (const rate of [0.5, 0]) {
        const scalar = tf.scalar(rate);
        o.update(parameters, [tf.tensor2d([[0.6, 0.8]])], slots, { base: scalar, scheduled: scalar });
      }
      return Array.from(variable.dataSync());
    };
    expectClose(second('lightly'), [2.9985, 3.998]);
    expectClose(second('openSelfSup'), [2.99775, 3.997]);
  });

  it('is momentum SGD without decay on excluded weights', () => {
    const start: Start = {
      weight: [3, 4],
      gradients: [
        [0.6, 0.8],
        [-1, 2],
      ],
      role: 'bias',
    };
    const plain = descend(sgd({ learningRate: 0.5, weightDecay: 0 }), start);
    for (const dialect of ['lightly', 'solo', 'openSelfSup', 'mocoV3'] as const) {
      expectClose(first({ dialect }, start), plain);
    }
    expect(first({ dialect: 'solo', excludeVectors: false }, start)).not.toEqual(plain);
  });

  it('neither scales nor decays where a norm is zero, and stays finite', () => {
    for (const dialect of ['lightly', 'solo'] as const) {
      expectClose(first({ dialect }, { weight: [0, 0], gradients: [[1, 2]] }), [-0.5, -1]);
      expectClose(first({ dialect }, { weight: [3, 4], gradients: [[0, 0]] }), [3, 4]);
    }
    for (const dialect of ['openSelfSup', 'mocoV3'] as const) {
      expectClose(first({ dialect }, { weight: [0, 0], gradients: [[1, 2]] }), [-0.5, -1]);
      expectClose(first({ dialect }, { weight: [0, 0], gradients: [[0, 0]] }), [0, 0]);
    }
  });

  it('does not scale at weight decay 0 with lightly', () => {
    expectClose(first({ weightDecay: 0 }), [2.7, 3.6]);
  });

  it('refuses clipping with another dialect and unknown dialects', () => {
    expect(() => lars({ learningRate: 1, clip: true })).toThrow(/clip belongs to dialect solo/);
    expect(() => lars({ learningRate: 1, dialect: 'torch' as 'solo' })).toThrow(/dialect must be one of lightly, solo/);
  });
});

describe('adam and adamW', () => {
  it('move by the rate in the direction of the sign at the first step, whatever the scale of the gradient', () => {
    // m̂ = g and v̂ = g² exactly, by bias correction.
    for (const make of [adam, adamW]) {
      const o = make({ learningRate: 0.1, weightDecay: 0 });
      expectClose(descend(o, { weight: [1, 1, 1], gradients: [[1e-3, -5, 200]] }), [0.9, 1.1, 0.9], 5);
    }
  });

  it('give a second step worked by hand', () => {
    // g = 1, then −1; β₁ = β₂ = 0.5.  m₂ = 0.25 − 0.5 = −0.25, m̂₂ = −0.25/0.75 = −1/3;  v̂₂ = 0.75/0.75 = 1.
    const o = adam({ learningRate: 0.3, beta1: 0.5, beta2: 0.5, weightDecay: 0 });
    expectClose(descend(o, { weight: [0], gradients: [[1], [-1]] }), [-0.2]);
  });

  it('differ in where decay enters', () => {
    // Zero gradient: L2 decay is normalised to a full step of 0.1; decoupled decay is lr·wd·p = 0.1·0.5·2.
    const start: Start = { weight: [2], gradients: [[0]] };
    expectClose(descend(adam({ learningRate: 0.1, weightDecay: 0.5 }), start), [1.9]);
    expectClose(descend(adamW({ learningRate: 0.1, weightDecay: 0.5 }), start), [1.9]);
    expectClose(descend(adam({ learningRate: 0.1, weightDecay: 0.05 }), start), [1.9]);
    expectClose(descend(adamW({ learningRate: 0.1, weightDecay: 0.05 }), start), [1.99]);
  });

  it('exclude vectors from decay when asked', () => {
    const start: Start = { weight: [2], gradients: [[0]], role: 'norm' };
    expectClose(descend(adamW({ learningRate: 0.1, weightDecay: 0.5, excludeVectors: true }), start), [2]);
  });

  it('count steps in a slot, so that a resumed run corrects its bias as before', () => {
    const o = adam({ learningRate: 0.1 });
    const slots = o.slots([]);
    expect(Object.keys(slots)).toEqual(['step']);
    const rates = { base: tf.scalar(0.1), scheduled: tf.scalar(0.1) };
    o.update([], [], slots, rates);
    o.update([], [], slots, rates);
    expect(slots.step!.dataSync()[0]).toBe(2);
  });

  it('check their options', () => {
    expect(() => adam({ learningRate: 1, beta1: 1, epsilon: 0 })).toThrow(
      /epsilon must be .*\n.*beta1 must be in \[0, 1\)/,
    );
  });
});

describe('every optimiser', () => {
  const all = [
    sgd({ learningRate: 0.1 }),
    sgd({ learningRate: 0.1, nesterov: true }),
    lars({ learningRate: 0.1 }),
    lars({ learningRate: 0.1, dialect: 'mocoV3' }),
    lars({ learningRate: 0.1, dialect: 'openSelfSup' }),
    adam({ learningRate: 0.1 }),
    adamW({ learningRate: 0.1 }),
  ];
  it.each(all.map((o, i) => [`${o.name} ${i}`, o] as const))('%s leaves no tensors behind', (_name, optimizer) => {
    const variable = tf.variable(tf.ones([2, 2]));
    const spec = { shape: [2, 2], role: 'kernel' as const, init: () => new Float32Array(4) };
    const parameters = [{ path: 'w', variable, spec }];
    const slots = optimizer.slots(parameters);
    const gradient = tf.ones([2, 2]);
    const rates = { base: tf.scalar(0.1), scheduled: tf.scalar(0.1) };
    const before = tf.memory().numTensors;
    optimizer.update(parameters, [gradient], slots, rates);
    optimizer.update(parameters, [gradient], slots, rates);
    expect(tf.memory().numTensors).toBe(before);
  });

  it.each(all.map((o, i) => [`${o.name} ${i}`, o] as const))('%s records its options as JSON', (_name, optimizer) => {
    expect(JSON.parse(JSON.stringify(optimizer.options))).toEqual(optimizer.options);
  });
});
