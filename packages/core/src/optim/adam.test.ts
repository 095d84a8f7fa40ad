import '@tensorflow/tfjs-backend-cpu';
import { expectClose } from '@contrastive/testing';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { descend, type Start } from '../../test/descend.js';
import { adam, adamW } from './adam.js';

describe('adam and adamW', () => {
  it('move by the rate in the direction of the sign at the first step, whatever the scale of the gradient', () => {
    // m̂ = g and v̂ = g² exactly, by bias correction.
    for (const make of [adam, adamW]) {
      const o = make({ learningRate: 0.1, weightDecay: 0 });
      expectClose(descend(o, { weight: [1, 1, 1], gradients: [[1e-3, -5, 200]] }), [0.9, 1.1, 0.9], { rel: 1e-4 });
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
