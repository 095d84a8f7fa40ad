import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { adam, adamW } from './adam.js';
import { lars } from './lars.js';
import { sgd } from './sgd.js';

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
