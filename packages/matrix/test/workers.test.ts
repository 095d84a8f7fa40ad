import { recordedRuntime } from '@contrastive/conformance';
import type { Runtime } from '@contrastive/core';
import { beforeAll, describe, expect, it } from 'vitest';
import { compareWorkers, type Difference, LIMIT } from '../src/workers/compare.js';

/** One pair of processes runs all of them in turn; `pnpm workers` tries the others too, with every method. */
const HOSTS = ['moco', 'mocoV3', 'simclr', 'simsiam', 'byol', 'densecl', 'nnclr', 'byol, local batch norm'];
const OF_THREE = ['moco', 'simclr'];
const MINUTES = 60_000;

const found = await recordedRuntime();
if ('missing' in found) console.warn(`SKIPPED: workers need TensorFlow (${found.missing}).`);

describe.skipIf('missing' in found).each([
  [2, HOSTS],
  [3, OF_THREE],
])('%i workers and one process with all their images', (size, names) => {
  let results: readonly Difference[] = [];
  beforeAll(async () => {
    results = await compareWorkers(found as Runtime, size, { names });
  }, 10 * MINUTES);

  it.each(names)('learn the same in 20 steps of %s', (name) => {
    const { loss, variables, between } = results.find((r) => r.name === name)!;
    expect(loss).toBeLessThan(LIMIT);
    expect(variables).toBeLessThan(LIMIT);
    expect(between).toBe(0); // the workers hold the same bits
  });
});
