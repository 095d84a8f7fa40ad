import { preset } from '../../tooling/vitest.js';

// Most tests wait for processes of their own, two at a time; on a busy machine these take their time.
export default preset({ maxConcurrency: 2, testTimeout: 240_000, hookTimeout: 120_000 });
