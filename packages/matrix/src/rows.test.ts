import { cellOf, fitOf, HOSTS, recordedRuntime, requireResume } from '@contrastive/conformance';
import { describe, it } from 'vitest';
import { COMBINATIONS, METHODS } from './rows.js';

const runtime = await recordedRuntime();
const [moco] = HOSTS;
const [none] = METHODS;
const two = COMBINATIONS.filter(({ name }) => name === 'regioncl + reco');
const isComplete = process.env.CONTRASTIVE_ALL_CELLS === '1';

// The matrix interrupts eager runs, in every cell; here are the recorded ones, in which TensorFlow holds the variables: every method
// over MoCo and every host alone, or all cells (minutes).
describe.skipIf('missing' in runtime).each(HOSTS)(
  'a recorded run over $name goes on from a checkpoint bit for bit',
  (host) => {
    const rows = [...METHODS, ...two].filter((row) => isComplete || host === moco || row === none);
    it.for(rows)('$name', async ({ method }, { skip }) => {
      if ('missing' in runtime) return;
      const { cell } = cellOf(method, host.make, runtime);
      const fit = await fitOf(cell);
      if (!fit.isSupported) skip(fit.reason);
      await requireResume(cell, runtime);
    });
  },
);
