// How costs grow with batch, image side, width, queue, views and number of images; writes a Markdown page.
//   pnpm bench:scaling [--only batch,side,width,queue,views,images] [--rounds 2] [--steps 5] [--most-images 1000000] [--out FILE]
// A million images take minutes to pack. Sections that are not measured stay as the page has them.
// Steps are timed by processor time on one thread, which other load on the machine hardly changes, rounds in turns.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import type { Case } from './cases.js';
import { script } from './measure.js';
import { costOfImages } from './scaling-images.js';
import { measureOurs, type Times } from './turns.js';

const { values: flags } = parseArgs({
  options: {
    only: { type: 'string', default: 'batch,side,width,queue,views,images' },
    rounds: { type: 'string', default: '2' },
    steps: { type: 'string', default: '5' },
    'most-images': { type: 'string', default: '1000000' },
    out: { type: 'string', default: script('../../../docs/cost-scaling.md') },
  },
});

const BASE = {
  group: 'step',
  kind: 'step',
  host: 'simclr',
  backbone: 'resnet18',
  width: 0.25,
  image: 32,
  batch: 32,
} as const;
type Change = Partial<Pick<Case, 'host' | 'batch' | 'image' | 'width' | 'queue' | 'views'>>;

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
  views: {
    title: 'Views (W-MSE, ResNet-18 × 0.25, 32 px, batch 32)',
    unit: 'views',
    points: [2, 4, 8].map((views) => ({ label: `${views}`, size: views, change: { views } })),
  },
};

const head = (...cells: string[]) => [`| ${cells.join(' | ')} |`, `|${cells.map(() => '--:').join('|')}|`];

async function measureSeries({ title, unit, points }: Series): Promise<string[]> {
  const best = new Map<string, Times>();
  for (let round = 0; round < Number(flags.rounds); round++) {
    for (const { label, change } of points) {
      const c: Case = { name: label, seconds: 0, ...BASE, precision: 'f32', ...change };
      const result = await measureOurs(c, Number(flags.steps), 1);
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

/** Index and sampler of a packed data set: what grows with it beside the pixels. */
async function measureImages(): Promise<string[]> {
  const counts = [1_000, 10_000, 100_000, 1_000_000].filter((count) => count <= Number(flags['most-images']));
  const rows: string[] = [];
  await costOfImages(1_000); // what a first call compiles would count as memory
  for (const count of counts) {
    const { bytes, orderMs, openMs } = await costOfImages(count);
    const perImage = (ms: number) => ((1e6 * ms) / count).toFixed(0);
    const cells = [count, bytes.toFixed(0), openMs.toFixed(1), orderMs.toFixed(1), perImage(orderMs)];
    rows.push(`| ${cells.join(' | ')} |`);
  }
  const columns = ['images', 'bytes an image, pixels apart', 'ms to open', 'ms to order an epoch', 'ns an image'];
  return ['## Images (index with names of 18 letters, sampler)', '', ...head(...columns), ...rows, ''];
}

/** Sections of the page as it is, by title. */
function sectionsOf(file: string): Map<string, string> {
  const text = existsSync(file) ? readFileSync(file, 'utf8') : '';
  const parts = text.split(/^(?=## )/m).slice(1);
  return new Map(parts.map((part) => [part.slice(3, part.indexOf('\n')), part.trimEnd()]));
}

const sections = sectionsOf(flags.out);
const intro = [
  '# How costs grow',
  '',
  'Written by `pnpm bench:scaling`. Growth is against the first line of each table; a cost grows linearly or better where it grows no more',
  'than what it is set against. CPU is the least processor time of a step on one thread.',
  '',
  `Machine: ${cpus()[0]!.model}, Node ${process.version}, ${new Date().toISOString().slice(0, 10)}, load ${loadavg()[0]!.toFixed(1)}.`,
].join('\n');

/** Puts a measured section into the page, after every one: a run that is stopped has said something. */
function write(lines: readonly string[]): void {
  sections.set(lines[0]!.slice(3), lines.join('\n').trimEnd());
  writeFileSync(flags.out, `${[intro, ...sections.values()].join('\n\n')}\n`);
}

for (const name of flags.only.split(',')) {
  if (name === 'images') write(await measureImages());
  else if (SERIES[name] !== undefined) write(await measureSeries(SERIES[name]));
  else throw new Error(`--only: there is no ${name}; there are ${Object.keys(SERIES).join(', ')} and images.`);
}
