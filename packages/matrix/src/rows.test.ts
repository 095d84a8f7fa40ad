import { cellOf, HOSTS, recordedRuntime, requireResume } from '@contrastive/conformance';
import { describe, it } from 'vitest';
import { COMBINATIONS, METHODS } from './rows.js';

const runtime = await recordedRuntime();

// The matrix interrupts eager runs, in every cell; here are the recorded ones, in which TensorFlow holds the variables.
describe.skipIf('missing' in runtime)('a recorded run over MoCo goes on from a checkpoint bit for bit', () => {
  const rows = [...METHODS, COMBINATIONS.find(({ name }) => name === 'regioncl + reco')!];
  it.each(rows.map((row) => [row.name, row.method] as const))('%s', async (_, method) => {
    if ('missing' in runtime) return;
    const { cell } = cellOf(method, HOSTS[0]!.make, runtime);
    await requireResume(cell, runtime);
  });
});
