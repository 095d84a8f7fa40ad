// The same work by this project and by PyTorch, in turns; prints Markdown tables, or writes them into the page.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { CASES, type Case, GROUPS, type Group } from './cases.js';
import { script } from './measure.js';
import { mergePage, type Section } from './page.js';
import { makeJpegs, makePixels } from './pictures.js';
import { findPython, type Python } from './python.js';
import { columnsOf, NOTES, rowOf } from './rows.js';
import type { Settings } from './turns.js';

const PAGE = script('../../../docs/benchmarks-speed.md');
const HELP = `pnpm bench:compare [options]
  --only TEXT     a group (${Object.keys(GROUPS).join(', ')}), or cases whose name contains TEXT (repeatable)
  --rounds N      turns of each side (default 3)
  --steps N       timed steps in a turn (default 2; 1 where a step takes seconds)
  --threads N     threads of both sides (default: all; with 1 the processor times compare on a busy machine)
  --no-compile    without torch.compile, which takes minutes to start
  --python PATH   a Python with torch, torchvision and lightly (default: one in the cache, made by pip)
  --write         put the rows into docs/benchmarks-speed.md, beside those that are there (default: print them)
  --out FILE      put them into this file instead
  --list          print groups and cases with the minutes that they take, and stop`;

const { values: flags } = parseArgs({
  options: {
    only: { type: 'string', multiple: true, default: [] },
    rounds: { type: 'string', default: '3' },
    steps: { type: 'string', default: '2' },
    threads: { type: 'string' },
    'no-compile': { type: 'boolean', default: false },
    python: { type: 'string' },
    write: { type: 'boolean', default: false },
    out: { type: 'string' },
    list: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

const isWanted = ({ group, name }: Case): boolean =>
  flags.only.length === 0 || flags.only.some((text) => (text in GROUPS ? text === group : name.includes(text)));

function list(): string {
  const minutes = (cases: readonly Case[]) => (cases.reduce((sum, c) => sum + c.seconds, 0) / 60).toFixed(1);
  const groups = Object.keys(GROUPS).map((group) => {
    const cases = CASES.filter((c) => c.group === group);
    return [`${group}: ${minutes(cases)} minutes`, ...cases.map((c) => `  ${c.name}`)].join('\n');
  });
  return [...groups, `all: about ${minutes(CASES)} minutes on two cores, and pip once`].join('\n');
}

function head(python: Python, settings: Settings): string {
  const versions = 'path' in python ? versionsOf(python.path) : `the Python side was skipped: ${python.missing}`;
  return [
    '# Speed beside PyTorch',
    '',
    'Written by `pnpm bench:compare --write`; every row is the same work on both sides, in turns, and says when it was measured and under',
    'which load. A ratio below 1 means that this project takes less. Above the number of cores of load, elapsed times say little.',
    '',
    `Machine: ${cpus()[0]!.model}, ${availableParallelism()} cores, ${Math.round(totalmem() / 2 ** 30)} GB; Node ${process.version};`,
    `${versions}.`,
    `Last run: ${settings.threads} threads, ${settings.rounds} rounds of ${settings.steps} steps (one where a step takes seconds).`,
    '',
  ].join('\n');
}

function versionsOf(python: string): string {
  const code =
    'import torch, torchvision, lightly; print("torch", torch.__version__ + ", torchvision", torchvision.__version__ + ", lightly", lightly.__version__)';
  return spawnSync(python, ['-c', code], { encoding: 'utf8' }).stdout.trim();
}

/** Where the images of a case are; made if need be. */
async function pathOf({ kind, data, image, rows }: Case, folder: string): Promise<string | undefined> {
  if (data === 'cifar10-mini') return script('../data/cifar10-mini.tar.gz');
  if (kind === 'views' && image === 32) {
    const file = join(folder, 'pixels.bin');
    writeFileSync(file, makePixels(rows!, 32, 32));
    return file;
  }
  if (kind !== 'views' && kind !== 'epoch') return undefined;
  const photos = join(folder, `photos-${rows}`);
  if (!existsSync(photos)) await makeJpegs(photos, rows!);
  return photos;
}

async function run(): Promise<void> {
  const python = findPython(flags.python);
  if ('missing' in python) console.error(`The Python side is skipped: ${python.missing}.`);
  const settings: Settings = {
    ...{ rounds: Number(flags.rounds), steps: Number(flags.steps), compile: !flags['no-compile'] },
    threads: Number(flags.threads ?? availableParallelism()),
    python: 'path' in python ? python.path : undefined,
  };
  const file = flags.out ?? (flags.write ? PAGE : undefined);
  const rows = new Map<Group, string[][]>();
  const sections = (): Section[] =>
    (Object.keys(GROUPS) as Group[]).map((group) => ({
      ...{ title: GROUPS[group], note: NOTES[group], columns: columnsOf(group), rows: rows.get(group) ?? [] },
    }));
  const page = (path: string) =>
    mergePage(
      path,
      head(python, settings),
      sections(),
      CASES.map(({ name }) => name),
    );
  const folder = mkdtempSync(join(tmpdir(), 'compare-'));
  try {
    for (const c of CASES.filter(isWanted)) {
      const path = await pathOf(c, folder);
      const cells = await rowOf(path === undefined ? c : { ...c, path }, settings);
      const measured = `${new Date().toISOString().slice(0, 10)}, ${loadavg()[0]!.toFixed(1)}`;
      rows.set(c.group, [...(rows.get(c.group) ?? []), [c.name, ...cells, measured]]);
      console.error([c.name, ...cells].join(' | '));
      if (file !== undefined) writeFileSync(file, page(file)); // after every row: a run that is stopped has said something
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
  if (file === undefined) console.log(page(''));
}

if (flags.help) console.log(HELP);
else if (flags.list) console.log(list());
else await run();
