import '@tensorflow/tfjs-backend-cpu';
import { expectClose } from '@contrastive/testing';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { descend, type Start } from '../../test/descend.js';
import { type LarsOptions, lars } from './lars.js';
import { sgd } from './sgd.js';

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
    expectClose(first({ dialect: 'mocoV3' }, { weight: [0, 0], gradients: [[1, 2]] }), [-0.5, -1]);
    for (const dialect of ['lightly', 'solo', 'openSelfSup', 'mocoV3'] as const) {
      expectClose(first({ dialect }, { weight: [0, 0], gradients: [[0, 0]] }), [0, 0]);
    }
  });

  it('decays without gradient and keeps zero weights with openSelfSup, which has no guard', () => {
    // local = η ‖p‖ / (wd ‖p‖), so p ← p − lr η p.
    expectClose(first({ dialect: 'openSelfSup' }, { weight: [3, 4], gradients: [[0, 0]] }), [2.9985, 3.998]);
    expectClose(first({ dialect: 'openSelfSup' }, { weight: [0, 0], gradients: [[1, 2]] }), [0, 0]);
  });

  it('does not scale at weight decay 0 with lightly, but does with the others', () => {
    expectClose(first({ weightDecay: 0 }), [2.7, 3.6]);
    for (const dialect of ['solo', 'openSelfSup', 'mocoV3'] as const) {
      expectClose(first({ dialect, weightDecay: 0 }), [2.9985, 3.998]); // local = 0.001 · 5 / 1
    }
  });

  it('refuses clipping with another dialect and unknown dialects', () => {
    expect(() => lars({ learningRate: 1, clip: true })).toThrow(/clip belongs to dialect solo/);
    expect(() => lars({ learningRate: 1, dialect: 'torch' as 'solo' })).toThrow(/dialect must be one of lightly, solo/);
  });
});
