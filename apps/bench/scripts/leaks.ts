// pnpm leaks [epochs] [host]: every method over 20 epochs of 100 steps (default), and what grew per step.
import { names } from '../src/catalogue.js';
import { temporaryFolder, writeImages } from '../test/command.js';
import { BOUNDS, measureLeaks, type Slopes } from '../test/leaks.js';

const [epochs = '20', host = 'moco'] = process.argv.slice(2);
const temporary = temporaryFolder();
try {
  await writeImages(`${temporary.path}/train`, { count: 400 });
  for (const methods of [[], ...names.methods.map((name) => [name])]) {
    const slopes = await measureLeaks(
      {
        ...{ data: temporary.path, cache: `${temporary.path}/cache`, host, methods, side: 32, batch: 8 },
        backbone: { name: 'resnet18', width: 0.0625 },
      },
      Number(epochs),
    );
    const grown = (Object.keys(BOUNDS) as (keyof Slopes)[]).filter((key) => slopes[key] > BOUNDS[key]);
    console.log(JSON.stringify({ methods, ...slopes, grown }));
    if (grown.length > 0) process.exitCode = 1;
  }
} finally {
  temporary.remove();
}
