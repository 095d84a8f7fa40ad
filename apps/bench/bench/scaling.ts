// How costs grow with batch, image side, width, queue and number of images; writes a Markdown page.
//   pnpm bench:scaling [--only batch,side,width,queue,images] [--rounds 2] [--steps 5] [--out FILE]
// Steps are timed by processor time on one thread, which other load on the machine hardly changes, rounds in turns.
import { writeFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { createSampler } from '@contrastive/augment';
import type { Case } from './cases.js';
import { type Measurement, measureOurs, script } from './measure.js';

const { values: flags } = parseArgs({
  options: {
    only: { type: 'string', default: 'batch,side,width,queue,images' },
    rounds: { type: 'string', default: '2' },
    steps: { type: 'string', default: '5' },
    out: { type: 'string', default: script('../../../docs/cost-scaling.md') },
  },
});

const BASE = { kind: 'step', host: 'simclr', backbone: 'resnet18', width: 0.25, image: 32, batch: 32 } as const;
type Change = Partial<Pick<Case, 'host' | 'batch' | 'image' | 'width' | 'queue'>>;

interface Series {
  readonly title: string;
  /** What the cost is expected to be proportional to at most. */
  readonly unit: string;
  readonly points: readonly { readonly label: string; readonly size: number; readonly change: Change }[];
}

const SERIES: Readonly<Record<string, Series>> = {
  batch: {
    title: 'Batch (SimCLR, ResNet-18 × 0.25, 32 px)',
    unit: 'images',
    points: [16, 32, 64, 128].map((batch) => ({ label: `${batch}`, size: batch, change: { batch } })),
  },
  side: {
    title: 'Image side (SimCLR, ResNet-18 × 0.25, batch 32)',
    unit: 'pixels',
    points: [16, 32, 48].map((image) => ({ label: `${image} px`, size: image ** 2, change: { image } })),
  },
  width: {
    title: 'Width (SimCLR, ResNet-18, 32 px, batch 32)',
    unit: 'multiply-adds, about width²',
    points: [0.25, 0.5, 1].map((width) => ({ label: `${width}`, size: width ** 2, change: { width } })),
  },
  queue: {
    title: 'Queue (MoCo, ResNet-18 × 0.25, 32 px, batch 32)',
    unit: 'keys',
    points: [1024, 8192, 65536].map((queue) => ({ label: `${queue}`, size: queue, change: { host: 'moco', queue } })),
  },
};

const head = (...cells: string[]) => [`| ${cells.join(' | ')} |`, `|${cells.map(() => '--:').join('|')}|`];

function measureSeries({ title, unit, points }: Series): string[] {
  const best = new Map<string, Measurement>();
  for (let round = 0; round < Number(flags.rounds); round++) {
    for (const { label, change } of points) {
      const c: Case = { name: label, ...BASE, precision: 'f32', ...change };
      const result = measureOurs(c, Number(flags.steps), 1);
      if (typeof result === 'string') throw new Error(`${title}, ${label}: ${result}`);
      const known = best.get(label);
      if (known === undefined || result.minCpuMs < known.minCpuMs) best.set(label, result);
    }
  }
  const first = points[0]!;
  const rows = points.map(({ label, size }) => {
    const { minCpuMs, peakRssMb } = best.get(label)!;
    const growth = minCpuMs / best.get(first.label)!.minCpuMs;
    const cells = [label, minCpuMs.toFixed(1), (size / first.size).toFixed(1), growth.toFixed(2), peakRssMb.toFixed(0)];
    return `| ${cells.join(' | ')} |`;
  });
  return [
    `## ${title}`,
    '',
    ...head('', 'CPU ms a step', `growth of ${unit}`, 'growth of cost', 'peak MB'),
    ...rows,
    '',
  ];
}

/** Sampler, labels and places of images in a cache: what grows with the data set beside the pixels. */
function measureImages(): string[] {
  const rows = [1_000, 10_000, 100_000, 1_000_000].map((count) => {
    const sampler = createSampler({ count, batch: 256, seed: 1 });
    const [start, { arrayBuffers }] = [performance.now(), process.memoryUsage()];
    const order = sampler.ids(1, 0); // draws the epoch's order
    const ms = performance.now() - start;
    const held = process.memoryUsage().arrayBuffers - arrayBuffers - order.byteLength;
    // Of a source in memory: an offset of 8 bytes, width and height of 2 each, a label of 4.
    const perImage = held / count + 16;
    return `| ${count} | ${ms.toFixed(2)} | ${((1e6 * ms) / count).toFixed(0)} | ${perImage.toFixed(0)} |`;
  });
  const columns = ['images', 'ms to order an epoch', 'ns an image', 'bytes an image, pixels apart'];
  return ['## Images (order of an epoch, index)', '', ...head(...columns), ...rows, ''];
}

const chosen = flags.only.split(',');
const page = [
  '# How costs grow',
  '',
  'Written by `pnpm bench:scaling`. Growth is against the first line of each table; a cost grows linearly or better where it grows no more',
  'than what it is set against. CPU is the least processor time of a step on one thread.',
  '',
  `Machine: ${cpus()[0]!.model}, Node ${process.version}, ${new Date().toISOString().slice(0, 10)}, load ${loadavg()[0]!.toFixed(1)}.`,
  '',
];
for (const [name, series] of Object.entries(SERIES)) {
  if (chosen.includes(name)) page.push(...measureSeries(series));
  writeFileSync(flags.out, page.join('\n'));
}
if (chosen.includes('images')) page.push(...measureImages());
writeFileSync(flags.out, page.join('\n'));
