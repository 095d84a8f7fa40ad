// What each method adds to its host's step:  pnpm cost [--batch 128] [--image 32] [--queue 65536] [--width 1] [--steps 3] [--rounds 3] [--write]
// Runs `contrastive bench:step` once per line and round, lines taking turns, on one thread, and keeps the least processor time of each:
// what else runs on the machine can only add to it. Needs a build (`pnpm build`) and a fairly quiet machine.
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { root } from './shared.mjs';

const { values: flags } = parseArgs({
  options: {
    batch: { type: 'string', default: '128' },
    image: { type: 'string', default: '32' },
    queue: { type: 'string', default: '65536' },
    width: { type: 'string', default: '1' },
    steps: { type: 'string', default: '3' },
    rounds: { type: 'string', default: '3' },
    write: { type: 'boolean', default: false },
  },
});

// Passes of a ResNet count 1 forward and 3 forward and backward; MoCo has one of each. `passes`: those of host and method, over the host's.
const LINES = [
  { name: 'MoCo, queue of one batch', host: 'moco', methods: '', queue: flags.batch, passes: undefined },
  { name: 'MoCo', host: 'moco', methods: '', queue: flags.queue, passes: 1 },
  { name: 'MoCo + FT', host: 'moco', methods: 'ft', queue: flags.queue, passes: 1 },
  { name: 'MoCo + SNCLR', host: 'moco', methods: 'snclr', queue: flags.queue, passes: 1 },
  { name: 'MoCo + RegionCL', host: 'moco', methods: 'regioncl', queue: flags.queue, passes: 7 / 4 },
  { name: 'MoCo + ReCo', host: 'moco', methods: 'reco', queue: flags.queue, passes: 8 / 4 },
  { name: 'SimCLR', host: 'simclr', methods: '', passes: 1 },
  { name: 'SimCLR + W-MSE', host: 'simclr', methods: 'wmse', passes: 1 },
];

const least = LINES.map(() => Number.POSITIVE_INFINITY);
let backend = '';
const loadBefore = loadavg()[0];
for (let round = 0; round < Number(flags.rounds); round++) {
  for (const [i, line] of LINES.entries()) {
    const result = measure(line);
    backend = result.backend;
    least[i] = Math.min(least[i], result.minCpuMs);
    console.error(`round ${round + 1}, ${line.name}: ${result.minCpuMs} ms`);
  }
}
const text = page();
console.log(text);
if (flags.write) writeFileSync(join(root, 'docs', 'cost.md'), text);

function measure({ host, methods, queue }) {
  const args = [
    'bench:step',
    '--json',
    '--backbone',
    'resnet18',
    '--width',
    flags.width,
    '--host',
    host,
    '--methods',
    methods,
  ];
  args.push('--batch', flags.batch, '--image', flags.image, '--steps', flags.steps, '--threads', '1');
  if (queue !== undefined) args.push('--queue', queue);
  const bin = join(root, 'apps', 'bench', 'bin', 'contrastive.js');
  const { status, stdout, stderr } = spawnSync(process.execPath, [bin, ...args], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`contrastive ${args.join(' ')}: ${stderr}`);
  return JSON.parse(stdout.trim().split('\n').at(-1));
}

function page() {
  const hostOf = (i) => least[LINES.findIndex(({ host, passes }) => host === LINES[i].host && passes !== undefined)];
  const rows = LINES.map(({ name, passes }, i) => {
    const ratio = least[i] / hostOf(i);
    const expected = passes === undefined ? '' : passes.toFixed(2);
    const more = passes === undefined ? '' : `${((ratio / passes - 1) * 100).toFixed(1)} %`;
    return [name, least[i].toFixed(0), ratio.toFixed(3), expected, more];
  });
  const table = aligned([['', 'processor ms', 'of the host', 'by passes', 'beyond passes'], ...rows]);
  const queueShare = (1 - least[0] / least[1]) * 100;
  return `# What a method costs

Written by \`pnpm cost --write\`. A training step of ResNet-18${flags.width === '1' ? '' : ` of width ${flags.width}`} (float32, compiled), ${flags.batch} images of ${flags.image} × ${flags.image} pixels, queues of
${Number(flags.queue).toLocaleString('en')} rows of 128 values, methods with their defaults. _By passes_ is what a method's own passes through the encoder cost:
a pass forward counts 1, forward and backward 3. ReCo adds one of each kind, RegionCL one forward and backward; the others add none.

${table}

Of MoCo's step, ${queueShare.toFixed(1)} % are the work of a queue that is longer than one batch.

${backend}; ${cpus().length} × ${cpus()[0].model.trim()}, load ${loadBefore.toFixed(1)} before and ${loadavg()[0].toFixed(1)} after. One thread, least of ${flags.rounds} × ${flags.steps} steps, lines taking turns.
`;
}

/** A Markdown table with columns of equal width. The first row is its head. */
function aligned(rows) {
  const widths = rows[0].map((_, column) => Math.max(3, ...rows.map((row) => row[column].length)));
  const line = (cells) => `| ${cells.map((cell, i) => cell.padEnd(widths[i])).join(' | ')} |`;
  return [line(rows[0]), line(widths.map((width) => '-'.repeat(width))), ...rows.slice(1).map(line)].join('\n');
}
