import { type Collective, createCollective, eagerRuntime, SslError } from '@contrastive/core';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { createTeam, SOLO } from './team.js';

/** Rank 1 of 3, whose others tell the same numbers each time. */
const withOthers = (first: number[], last: number[]): Collective =>
  createCollective(
    { size: 3, rank: 1 },
    {
      reduce: (x) => x,
      concat: (x) => tf.concat([tf.tensor2d([first], undefined, 'int32'), x, tf.tensor2d([last], undefined, 'int32')]),
    },
  );

describe('a team', () => {
  it('stops if anyone wants to, and goes on if nobody does', async () => {
    const calm = createTeam(withOthers([0, 7], [0, 7]), eagerRuntime);
    expect([calm.rank, calm.size]).toEqual([1, 3]);
    expect(await calm.agreeToStop(false, 7)).toBe(false);
    expect(await calm.agreeToStop(true, 7)).toBe(true);
    expect(await createTeam(withOthers([0, 7], [1, 7]), eagerRuntime).agreeToStop(false, 7)).toBe(true);
  });

  it('finds workers that stand at different steps', async () => {
    const team = createTeam(withOthers([0, 7], [0, 5]), eagerRuntime);
    await expect(team.agreeToStop(false, 7)).rejects.toThrow(
      expect.objectContaining({
        code: 'CHECKPOINT',
        message: 'The workers stand at different steps: 7, 7, 5, by rank.',
      }),
    );
  });

  it('lets others leave first, but hides no other error', async () => {
    const failing = (code: 'WORKER_LOST' | 'BACKEND'): Collective => ({
      ...withOthers([], []),
      gather: () => {
        throw new SslError(code, 'no answer');
      },
    });
    await expect(createTeam(failing('WORKER_LOST'), eagerRuntime).leave()).resolves.toBeUndefined();
    await expect(createTeam(failing('BACKEND'), eagerRuntime).leave()).rejects.toThrow('no answer');
  });
});

it('is one process where nothing else is said', async () => {
  expect([SOLO.agreeToStop(true, 1), SOLO.agreeToStop(false, 1)]).toEqual([true, false]);
  await expect(SOLO.leave()).resolves.toBeUndefined();
});
