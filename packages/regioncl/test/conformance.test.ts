import { HOSTS, testPlugin } from '@contrastive/conformance';
import { regioncl } from '../src/index.js';

testPlugin('regioncl', { make: () => regioncl(), neutral: () => regioncl({ regionWeight: 0 }) });
testPlugin(
  'regioncl with everything joint',
  {
    make: () =>
      regioncl({
        ...{ rectangles: 'image', partner: 'random', composedPass: 'joint', regionNorm: 'joint', swapView: 'both' },
        ...{ regionQueue: 64, regionEvery: 2 },
      }),
  },
  // One host each with a queue, with in-batch negatives, and without negatives.
  { hosts: HOSTS.filter(({ name }) => ['moco', 'mocoV3', 'simsiam'].includes(name)) },
);
