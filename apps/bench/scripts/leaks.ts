// pnpm leaks [epochs] [host] [method …]: every method over 20 epochs of 100 steps (default), and what grew per step.
import { names } from '../src/catalogue.js';
import { temporaryFolder, writeImages } from '../test/command.js';
import { BOUNDS, measureLeaks, type Slopes } from '../test/leaks.js';

const [epochs = '20', host = 'moco', ...only] = process.argv.slice(2);
const cases = only.length > 0 ? only : ['none', ...names.methods];
const temporary = temporaryFolder();
try {
  await writeImages(`${temporary.path}/train`, { count: 400 });
  for (const method of cases) {
    const methods = method === 'none' ? [] : [method];
    const slopes = await measureLeaks(
      {
        ...{ data: temporary.path, cache: `${temporary.path}/cache`, host, methods, side: 16, batch: 8, threads: 1 },
        backbone: { name: 'resnet18', width: 0.0625 },
      },
      Number(epochs),
    );
    const grown = (Object.keys(BOUNDS) as (keyof Slopes)[]).filter((key) => slopes[key] > BOUNDS[key]);
    console.log(JSON.stringify({ method, ...slopes, grown }));
    if (grown.length > 0) process.exitCode = 1;
  }
} finally {
  temporary.remove();
}
