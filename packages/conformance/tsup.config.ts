import { preset } from '../../tooling/tsup.js';

export default preset();
