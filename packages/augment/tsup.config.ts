import { preset } from '../../tooling/tsup.js';

export default preset({ entry: ['src/index.ts', 'src/device.ts', 'src/loader.ts'] });
