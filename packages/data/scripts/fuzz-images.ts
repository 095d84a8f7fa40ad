// pnpm fuzz:images [count] [seed]: decodes that many damaged images (default 10,000).
import { fuzzImages } from '../test/damaged-images.js';

const [count = 10_000, seed = 1] = process.argv.slice(2).map(Number);
console.log(JSON.stringify(await fuzzImages(count, seed)));
