import { HOSTS } from '@contrastive/conformance';
import { definePlugin, SslError } from '@contrastive/core';
import { describe, expect, it } from 'vitest';
import { countOutcomes, hasFailed, runCell } from './run.js';

const [moco] = HOSTS;

describe('runCell', () => {
  it('gives the reason of parts that refuse each other', async () => {
    const picky = definePlugin({
      name: 'picky',
      options: {},
      init: () => {
        throw new SslError('INCOMPATIBLE', '[picky] no host is good enough.');
      },
    });
    const cell = await runCell({ name: 'picky', method: { make: () => picky } }, moco!, undefined);
    expect(cell).toMatchObject({ isSupported: false, reason: '[picky] no host is good enough.' });
    expect(countOutcomes([cell])).toEqual({ passed: 1, failed: 0, skipped: 0 });
  });

  it('counts any other error as a failure, not as a refusal', async () => {
    const buggy = definePlugin({
      name: 'buggy',
      options: {},
      edit: () => {
        throw new Error('index out of range');
      },
    });
    const cell = await runCell({ name: 'buggy', method: { make: () => buggy } }, moco!, undefined);
    expect(hasFailed(cell)).toBe(true);
    expect(cell.checks[0]!.message).toBe('[buggy] edit failed: index out of range');
  });

  it('says which check failed and why, and which were left out', async () => {
    const forgetful = () => {
      let step = 0;
      return definePlugin({
        name: 'forgetful',
        options: {},
        edit: (terms) => terms.map((term) => ({ ...term, weight: ++step })),
      });
    };
    const cell = await runCell({ name: 'forgetful', method: { make: forgetful } }, moco!, undefined);
    const outcomes = Object.fromEntries(cell.checks.map(({ check, outcome }) => [check, outcome]));
    expect(outcomes['gives the same output when it edits the same input twice, and leaves the input alone']).toBe(
      'failed',
    );
    expect(outcomes['goes on from a checkpoint bit for bit as if it had never been interrupted']).toBe('failed');
    expect(outcomes['gives the same in recorded as in eager steps, all of it finite']).toBe('skipped');
    expect(outcomes['keeps the number of tensors constant over five steps']).toBe('passed');
  });
});
