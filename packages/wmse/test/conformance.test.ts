import { testPlugin } from '@contrastive/conformance';
import { wmse } from '../src/index.js';

testPlugin('wmse', { make: () => wmse({ views: 3, runningStats: true }) });
