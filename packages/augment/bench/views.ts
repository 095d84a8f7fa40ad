// Views per second of this package, torchvision on PIL images and lightly: the same pixels and recipes, in turns. Prints JSON.
// On a busy machine look at the processor time without workers (with them, Python's does not include its worker processes).
//   pnpm --filter @contrastive/augment bench [--python PATH] [--rounds 3]
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Rng } from '@contrastive/core';
import { recipes } from '../src/index.js';
import { arraySource, createLoader } from '../src/loader.js';

const { values: flags } = parseArgs({
  options: { python: { type: 'string' }, rounds: { type: 'string', default: '3' } },
});

const CASES = [
  { name: '32 px', recipe: 'lightlyCifar', width: 32, height: 32, side: 32, count: 2048 },
  { name: '224 px of 500 × 375', recipe: 'simclr', width: 500, height: 375, side: 224, count: 96 },
] as const;

type Case = (typeof CASES)[number];

/** Smooth images with some noise. */
function makePixels({ width, height, count }: Case): Uint8Array {
  const rng = Rng.create(1);
  const noise = Uint8Array.from({ length: 65536 }, () => rng.integer(40));
  const row = width * 3;
  return new Uint8Array(row * height * count).map(
    (_, i) => 60 + ((i % row) + (Math.floor(i / row) % height)) / 8 + noise[i % 65521]!,
  );
}

interface Measurement {
  readonly viewsPerSecond: number;
  /** Processor time of the process and its threads. */
  readonly cpuMsPerView: number;
}

/** Two views of every image through the loader, with the draws. */
async function measure(
  { recipe, width, height, side, count }: Case,
  data: Uint8Array,
  workers: number,
): Promise<Measurement> {
  const source = arraySource({ data, width, height });
  const views = recipes.symmetric(recipe === 'simclr' ? recipes.simclr() : recipes.lightlyCifar());
  const loader = await createLoader({ source, views, side, batch: Math.min(64, count), seed: 1, workers });
  const epoch = async (e: number) => {
    for await (const batch of loader.epoch(e)) batch.release();
  };
  await epoch(0);
  const [start, cpu] = [performance.now(), process.cpuUsage()];
  await epoch(1);
  const seconds = (performance.now() - start) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  await loader.close();
  const made = 2 * loader.batches * Math.min(64, count);
  return { viewsPerSecond: made / seconds, cpuMsPerView: (user + system) / 1000 / made };
}

function measurePeers(
  { count, width, height, side, recipe }: Case,
  file: string,
  workers: number,
): Record<string, Measurement> {
  if (flags.python === undefined) return {};
  const script = fileURLToPath(new URL('peers.py', import.meta.url));
  const args = [script, file, count, width, height, side, recipe, workers].map(String);
  const lines = execFileSync(flags.python, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  const entries = lines
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { name: string } & Measurement);
  return Object.fromEntries(entries.map(({ name, ...measurement }) => [name, measurement]));
}

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;

const folder = mkdtempSync(join(tmpdir(), 'views-'));
const results = [];
for (const c of CASES) {
  const data = makePixels(c);
  const file = join(folder, 'pixels.bin');
  writeFileSync(file, data);
  for (const workers of [0, 2]) {
    const rounds: Record<string, Measurement>[] = [];
    for (let r = 0; r < Number(flags.rounds); r++) {
      rounds.push({ contrastive: await measure(c, data, workers), ...measurePeers(c, file, workers) });
    }
    const medians = Object.keys(rounds[0]!).map((name) => {
      const of = (key: keyof Measurement) => median(rounds.map((round) => round[name]![key]));
      return [name, { viewsPerSecond: Math.round(of('viewsPerSecond')), cpuMsPerView: of('cpuMsPerView') }] as const;
    });
    results.push({ case: c.name, recipe: c.recipe, workers, medians: Object.fromEntries(medians), rounds });
  }
}
rmSync(folder, { recursive: true });
console.log(JSON.stringify({ node: process.version, cpu: cpus()[0]!.model, cores: cpus().length, results }, null, 2));
