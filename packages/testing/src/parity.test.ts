import { hostScalar } from '@contrastive/core';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import type { Fixture, ParityKinds } from './fixture.js';
import { findAdapter, hasPassed, runCase, worstField } from './parity.js';

const fixture: Fixture = {
  ...{ name: 'double_a', source: 'here', notes: '', tolerance: { rel: 0, abs: 0.01 } },
  inputs: { x: 3 },
  params: {},
  expected: { y: 6, z: 1 },
};

describe('runCase', () => {
  it('passes a case whose fields all agree, also through the runtime', async () => {
    const kinds: ParityKinds = {
      'demo/double': async ({ inputs }, { run }) => {
        const { x } = inputs as { x: number };
        const count = tf.variable(tf.scalar(0));
        const step = (given: Record<string, tf.Tensor>) => {
          count.assign(tf.scalar(1));
          return { y: tf.mul(given.x!, 2) };
        };
        const { y } = await run(step, { x: hostScalar(x) }, { count });
        return { y, z: count };
      },
    };
    expect(hasPassed(await runCase(kinds, 'demo/double_a', fixture))).toBe(true);
  });

  it('fails a case with a field outside its tolerance, and points at the worst', async () => {
    const result = await runCase({ demo: () => ({ y: 6.1, z: 3 }) }, 'demo/double_a', fixture);
    expect(hasPassed(result)).toBe(false);
    expect(worstField(result)).toMatchObject({ field: 'z', difference: 2 });
    const missing = await runCase({ demo: () => ({ z: 3 }) }, 'demo/double_a', fixture);
    expect(worstField(missing)).toMatchObject({ field: 'y', problem: 'is missing' });
  });

  it('fails a case without adapter, and one whose adapter throws', async () => {
    const unknown = await runCase({}, 'demo/double_a', fixture);
    expect(unknown.isKnown).toBe(false);
    expect(hasPassed(unknown)).toBe(false);
    const thrown = await runCase({ demo: () => Promise.reject(new Error('broken')) }, 'demo/double_a', fixture);
    expect(thrown.error).toBe('broken');
    expect(hasPassed(thrown)).toBe(false);
  });

  it('frees the tensors that an adapter leaves behind', async () => {
    const before = tf.memory().numTensors;
    await runCase({ demo: () => ({ y: tf.scalar(6), z: tf.scalar(1) }) }, 'demo/double_a', fixture);
    expect(tf.memory().numTensors).toBe(before);
  });
});

describe('findAdapter', () => {
  it('takes the longest prefix', () => {
    const [short, long] = [() => ({}), () => ({})];
    const kinds = { 'hosts/opt': short, 'hosts/opt_lars': long };
    expect(findAdapter(kinds, 'hosts/opt_lars_solo')).toBe(long);
    expect(findAdapter(kinds, 'hosts/opt_sgd')).toBe(short);
    expect(findAdapter(kinds, 'ft/opt_sgd')).toBeUndefined();
  });
});
