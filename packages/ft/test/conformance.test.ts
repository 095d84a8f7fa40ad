import { HOSTS, testPlugin } from '@contrastive/conformance';
import { ft, scoreRecorder } from '../src/index.js';

// One host each with a queue, with in-batch negatives, and without negatives.
const hosts = HOSTS.filter(({ name }) => ['moco', 'simclr', 'simsiam'].includes(name));

testPlugin('ft', { make: () => ft(), neutral: () => ft({ lambdaEx: 1, lambdaIn: 1, postNorm: 'off' }) });
testPlugin('ft with the score recorder', { make: () => [ft({ startEpoch: 1 }), scoreRecorder()] });
testPlugin('scoreRecorder', { make: () => scoreRecorder(), neutral: () => scoreRecorder() }, { hosts });
testPlugin(
  'ft by element, appended and unit',
  {
    make: () =>
      ft({
        ...{ positiveGranularity: 'element', negativeGranularity: 'row', negativeMode: 'append', postNorm: 'all' },
        ...{ negativesScoredWith: 'original', detachPositive: true },
      }),
  },
  { hosts },
);
