import { preset } from '../../tooling/vitest.js';

export default preset();
