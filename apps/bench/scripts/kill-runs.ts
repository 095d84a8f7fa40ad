// pnpm faults:kill [moments] [seed]: kill -9 at that many moments (default 200) of short runs; see test/kills.ts.
import { killRuns } from '../test/kills.js';

const [moments = 200, seed = 1] = process.argv.slice(2).map(Number);
console.log(JSON.stringify(await killRuns({ moments, seed, epochs: 40, say: (line) => console.error(line) })));
