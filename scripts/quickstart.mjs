// npm run quickstart: from a fresh clone to a pretrained encoder on the embedded images.
import { prepare, run } from './shared.mjs';

await prepare();
process.exitCode = await run(process.execPath, [
  'apps/bench/bin/contrastive.js',
  'quickstart',
  ...process.argv.slice(2),
]);
