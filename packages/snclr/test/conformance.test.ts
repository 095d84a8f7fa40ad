import { HOSTS, testPlugin } from '@contrastive/conformance';
import { snclr } from '../src/index.js';

const size = { neighbours: 3, bankSize: 32 };
// One host each with a queue, with in-batch negatives, and without negatives.
const hosts = HOSTS.filter(({ name }) => ['moco', 'mocoV3', 'byol'].includes(name));

testPlugin('snclr', { make: () => snclr(size), neutral: () => snclr({ ...size, neighbours: 0 }) });
testPlugin(
  'snclr with a full bank, no doubles and two stored views',
  {
    make: () =>
      snclr({ ...size, bankSize: 20, bankWarmup: 'full', excludeSelf: true, dedupeNegatives: true, enqueue: 'both' }),
  },
  { hosts },
);
testPlugin(
  'snclr with learned weights',
  { make: () => snclr({ ...size, lossForm: 'inLog', positiveness: 'learned', learnedRelu: true }) },
  { supports: (host) => host !== 'byol', hosts },
);
