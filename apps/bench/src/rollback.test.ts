import { SslError } from '@contrastive/core';
import { describe, expect, it } from 'vitest';
import { withRollbacks } from './rollback.js';

const diverged = () => new SslError('NOT_FINITE', 'The loss became NaN at step 9 (epoch 2).');

/** A run that diverges until its learning rate is at most `fine` of the usual one. */
function attempt(fine: number, { onDivergence = 'rollback' as const, hasCheckpoint = true, error = diverged() } = {}) {
  const trainer = { learningRateFactor: 1 };
  const rates: number[] = [];
  const messages: string[] = [];
  const result = withRollbacks(
    { onDivergence },
    trainer,
    { message: (line) => messages.push(line) },
    async () => {
      rates.push(trainer.learningRateFactor);
      if (trainer.learningRateFactor > fine) throw error;
      return 'done';
    },
    async () => {
      trainer.learningRateFactor = 1; // as the checkpoint has it
      return hasCheckpoint;
    },
  );
  return { result, rates, messages };
}

describe('withRollbacks', () => {
  it('goes back with half the rate of the failed attempt until the run holds, and says so', async () => {
    const { result, rates, messages } = attempt(0.3);
    expect(await result).toBe('done');
    expect(rates).toEqual([1, 0.5, 0.25]);
    expect(messages[1]).toContain('Going back to the last checkpoint, with 0.25 of the learning rate.');
  });

  it('gives up after three rollbacks', async () => {
    const { result, rates } = attempt(0);
    await expect(result).rejects.toThrow('The loss became NaN');
    expect(rates).toEqual([1, 0.5, 0.25, 0.125]);
  });

  it('does not go back without a checkpoint, for other errors, or if told to stop', async () => {
    const cases = [
      attempt(0, { hasCheckpoint: false }),
      attempt(0, { error: new SslError('IO', 'The disk is full.') }),
      attempt(0, { onDivergence: 'stop' as 'rollback' }),
    ];
    for (const { result, rates } of cases) {
      await expect(result).rejects.toBeInstanceOf(SslError);
      expect(rates).toEqual([1]);
    }
  });
});
