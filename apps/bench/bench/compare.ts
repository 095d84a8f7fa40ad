// The same work by this project and by PyTorch, in turns; writes a Markdown table.
//   pnpm bench:compare [--only TEXT] [--rounds 3] [--steps 5] [--threads N] [--compile] [--python PATH] [--out FILE]
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { CASES, type Case } from './cases.js';
import { type Measurement, measure, measureOurs, script } from './measure.js';
import { findPython, type Python } from './python.js';

const HELP = `pnpm bench:compare [options]
  --only TEXT     cases whose name contains TEXT (repeatable); all are listed by --list
  --rounds N      times that each side is started, in turns (default 3)
  --steps N       timed steps of each start, after the first (default 5)
  --threads N     threads of both sides (default: all; with 1 the processor times compare on a busy machine)
  --compile       also torch.compile, which takes minutes to start
  --python PATH   a Python with torch, torchvision and lightly (default: one in the cache, made by pip)
  --out FILE      the Markdown file (default: docs/benchmarks-speed.md)
  --list          print the cases and stop`;

const { values: flags } = parseArgs({
  options: {
    only: { type: 'string', multiple: true, default: [] },
    rounds: { type: 'string', default: '3' },
    steps: { type: 'string', default: '5' },
    threads: { type: 'string' },
    compile: { type: 'boolean', default: false },
    python: { type: 'string' },
    out: { type: 'string', default: fileURLToPath(new URL('../../../docs/benchmarks-speed.md', import.meta.url)) },
    list: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
const threads = Number(flags.threads ?? availableParallelism());
const steps = Number(flags.steps);

const measureTheirs = (c: Case, python: string, variant: string) =>
  measure(python, [script('theirs.py'), JSON.stringify({ ...c, steps, threads, variant })], threads);

const variantsOf = ({ kind }: Case): readonly string[] =>
  kind === 'knn' ? ['eager'] : ['eager', 'channels_last', ...(flags.compile ? ['compile'] : [])];

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;

/** What several starts of one side gave: the median of their medians, the least of what only other load can raise. */
function summarize(rounds: readonly Measurement[]): Measurement {
  const least = (key: 'minMs' | 'minCpuMs' | 'startupMs' | 'peakRssMb') => Math.min(...rounds.map((r) => r[key]));
  return {
    medianMs: median(rounds.map((r) => r.medianMs)),
    minMs: least('minMs'),
    minCpuMs: least('minCpuMs'),
    startupMs: least('startupMs'),
    peakRssMb: least('peakRssMb'),
  };
}

interface Row {
  readonly case: Case;
  readonly ours: Measurement | string;
  readonly theirs: Measurement | string;
  readonly variant: string;
  readonly load: number;
}

function compare(c: Case, python: Python): Row {
  const sides = new Map<string, (Measurement | string)[]>([['ours', []]]);
  const variants = 'path' in python ? variantsOf(c) : [];
  for (const variant of variants) sides.set(variant, []);
  for (let round = 0; round < Number(flags.rounds); round++) {
    sides.get('ours')!.push(measureOurs(c, steps, threads));
    for (const variant of variants)
      sides.get(variant)!.push(measureTheirs(c, (python as { path: string }).path, variant));
  }
  const result = (side: string): Measurement | string => {
    const good = sides.get(side)!.filter((m): m is Measurement => typeof m !== 'string');
    return good.length > 0 ? summarize(good) : String(sides.get(side)![0]);
  };
  const peers = variants.map((variant) => ({ variant, result: result(variant) }));
  const good = peers.filter((p): p is { variant: string; result: Measurement } => typeof p.result !== 'string');
  // Of each figure the best of all variants: on a busy machine no one run decides which variant is fastest.
  const best = good.length > 0 ? bestOf(good.map((p) => p.result)) : String(peers[0]?.result ?? 'skipped');
  const fastest = good.toSorted((x, y) => x.result.minCpuMs - y.result.minCpuMs)[0]?.variant ?? '';
  return { case: c, ours: result('ours'), theirs: best, variant: fastest, load: loadavg()[0]! };
}

function bestOf(results: readonly Measurement[]): Measurement {
  const least = (key: keyof Measurement) => Math.min(...results.map((r) => r[key]));
  return {
    medianMs: least('medianMs'),
    minMs: least('minMs'),
    minCpuMs: least('minCpuMs'),
    startupMs: least('startupMs'),
    peakRssMb: least('peakRssMb'),
  };
}

const number = (value: number) => (value >= 100 ? value.toFixed(0) : value.toPrecision(3));

function line({ case: c, ours, theirs, variant, load }: Row): string {
  const cell = (key: keyof Measurement): string[] => {
    const [a, b] = [ours, theirs].map((m) => (typeof m === 'string' ? undefined : m[key]));
    const ratio = a === undefined || b === undefined ? '–' : (a / b).toFixed(2);
    return [a === undefined ? '–' : number(a), b === undefined ? '–' : number(b), ratio];
  };
  const failure = typeof ours === 'string' ? ours : typeof theirs === 'string' ? theirs : variant;
  const cells = [
    ...cell('medianMs'),
    ...cell('minMs'),
    ...cell('minCpuMs'),
    ...cell('startupMs'),
    ...cell('peakRssMb'),
  ];
  return `| ${[c.name, ...cells, failure, load.toFixed(1)].join(' | ')} |`;
}

function document(rows: readonly Row[], python: Python): string {
  const side = (what: string) => [`${what}: ours`, 'PyTorch', 'ratio'];
  const columns = [
    'work',
    ...side('median ms'),
    ...side('least ms'),
    ...side('least CPU ms'),
    ...side('start-up ms'),
    ...side('peak MB'),
  ];
  const header = [...columns, 'PyTorch variant', 'load'];
  const versions = 'path' in python ? measureVersions(python.path) : `Python side skipped: ${python.missing}`;
  return [
    '# Speed beside PyTorch',
    '',
    'Written by `pnpm bench:compare`; every line is the same work on both sides, started in turns. A ratio below 1 means that this project',
    'takes less. Each figure of PyTorch is the best of its variants (named: the one with the least CPU). Median and least time are of one step; CPU is the processor time of all threads in',
    'one step; start-up runs from the start of the process to the end of its first step; peak is the resident memory of the whole process.',
    '',
    `Machine: ${cpus()[0]!.model}, ${availableParallelism()} cores, ${Math.round(totalmem() / 2 ** 30)} GB; Node ${process.version};`,
    `${versions}.`,
    `${threads} threads, ${flags.rounds} rounds of ${steps} steps, ${new Date().toISOString().slice(0, 10)}. \`load\` is the machine's load average`,
    'at the end of the line: above the number of cores, elapsed times say little and waiting threads of PyTorch burn processor time.',
    '',
    `| ${header.join(' | ')} |`,
    `|${header.map((_, i) => (i === 0 || i === header.length - 2 ? '---' : '--:')).join('|')}|`,
    ...rows.map(line),
    '',
  ].join('\n');
}

function measureVersions(python: string): string {
  const code =
    'import torch, torchvision, lightly; print("torch", torch.__version__ + ", torchvision", torchvision.__version__ + ", lightly", lightly.__version__)';
  return spawnSync(python, ['-c', code], { encoding: 'utf8' }).stdout.trim();
}

function run(): void {
  const cases = CASES.filter((c) => flags.only.length === 0 || flags.only.some((text) => c.name.includes(text)));
  const python = findPython(flags.python);
  if ('missing' in python) console.error(`The Python side is skipped: ${python.missing}.`);
  const rows: Row[] = [];
  for (const c of cases) {
    const row = compare(c, python);
    rows.push(row);
    console.error(line(row));
    writeFileSync(flags.out, document(rows, python)); // after every line: a run that is stopped has said something
  }
}

if (flags.help) console.log(HELP);
else if (flags.list) console.log(CASES.map((c) => c.name).join('\n'));
else run();
