import '@tensorflow/tfjs-backend-cpu';
import { expectClose } from '@contrastive/testing';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { descend } from '../../test/descend.js';
import type { WeightRole } from '../module.js';
import { sgd } from './sgd.js';

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
