// This project's side of the epochs of compare.ts: the second epoch of a `contrastive pretrain`. Prints one line of JSON.
// Usage: ours-epoch.ts JSON, with the fields of a case, `path` of the images and `threads`.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { recipes } from '@contrastive/augment';
import { createLoader } from '@contrastive/augment/loader';
import { openData } from '../src/image-data.js';
import { main } from '../src/index.js';
import type { Case, Epoch } from './cases.js';

const given = JSON.parse(process.argv[2]!) as Case & { readonly threads: number };
const data = given.data === 'jpeg' ? given.path! : 'cifar10-mini';
const split = given.split ?? 'all';
const cache = given.data === 'jpeg' ? { cache: `${given.path}-cache` } : {}; // of files that are there for once only
const recipe = given.image === 32 ? 'lightlyCifar' : 'simclr';

/** Processor time of the process so far, noted every 20 ms by a thread of its own, since steps block this one. */
function watchCpu() {
  const notes: { time: number; cpuMs: number }[] = [];
  const code = `const { parentPort } = require('node:worker_threads');
    setInterval(() => { const { user, system } = process.cpuUsage(); parentPort.postMessage({ time: Date.now(), cpuMs: (user + system) / 1000 }); }, 20);`;
  const watcher = new Worker(code, { eval: true });
  watcher.on('message', (note) => notes.push(note));
  const at = (time: number) =>
    notes.reduce((best, n) => (Math.abs(n.time - time) < Math.abs(best.time - time) ? n : best)).cpuMs;
  return { between: (from: number, to: number) => at(to) - at(from), stop: () => watcher.terminate() };
}

/** Processor time of an epoch of views alone. */
async function cpuOfViews(): Promise<number> {
  const images = await openData(
    { data, split, ...cache, maxUnreadable: 0, side: given.image! },
    { message: () => {}, status: () => {} },
  );
  const views = recipes.symmetric(recipes[recipe]());
  const loader = await createLoader({
    source: images,
    views,
    side: given.image!,
    batch: given.batch!,
    seed: 1,
    workers: 0,
  });
  const before = process.cpuUsage();
  for await (const batch of loader.epoch(1)) batch.release();
  const { user, system } = process.cpuUsage(before);
  await loader.close();
  await images.close();
  return (user + system) / 1000;
}

interface Line {
  readonly epoch: number;
  readonly time: string;
  readonly stepMs: number;
  readonly waitMs: number;
}

/** From the last step of the first epoch to the last one of the second: with the checkpoint between them. */
function secondEpoch(lines: readonly Line[]): { from: number; to: number; waitShare: number } {
  const [first, second] = [1, 2].map((epoch) => lines.filter((line) => line.epoch === epoch)) as [Line[], Line[]];
  const sum = (key: 'stepMs' | 'waitMs') => second.reduce((total, line) => total + line[key], 0);
  const endOf = (epoch: readonly Line[]) => Date.parse(epoch.at(-1)!.time);
  return { from: endOf(first), to: endOf(second), waitShare: sum('waitMs') / (sum('stepMs') + sum('waitMs')) };
}

const out = mkdtempSync(join(tmpdir(), 'epoch-'));
const cpu = watchCpu();
const print = console.log;
console.log = () => undefined; // the command's own result
const options = {
  ...cache,
  ...{ data, split, host: given.host, backbone: given.backbone, width: given.width, side: given.image, recipe },
  ...{
    batch: given.batch,
    epochs: 2,
    seed: 1,
    threads: given.threads,
    precision: given.precision,
    out: join(out, 'run'),
  },
};
const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
const code = await main(['pretrain', ...args, '--no-evaluate']);
const peakRssMb = Math.round(process.resourceUsage().maxRSS / 1024);
const text = readFileSync(join(out, 'run', 'metrics.jsonl'), 'utf8').trim();
const { from, to, waitShare } = secondEpoch(text.split('\n').map((line) => JSON.parse(line) as Line));
await new Promise((resolve) => setTimeout(resolve, 50)); // the watcher's last notes
const cpuMs = cpu.between(from, to);
await cpu.stop();
rmSync(out, { recursive: true });
const result: Epoch = { seconds: (to - from) / 1000, waitShare, viewShare: (await cpuOfViews()) / cpuMs, peakRssMb };
print(JSON.stringify(result));
process.exit(code);
