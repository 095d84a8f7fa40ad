import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import type { Case, Epoch, Group } from './cases.js';
import { script } from './measure.js';
import { Side } from './side.js';
import { type Compared, compareInTurns, OURS, type Settings, type Times } from './turns.js';

/** What stands before each table. */
export const NOTES: Readonly<Record<Group, string>> = {
  gemm: 'Four products in a chain; PyTorch in bfloat16 by autocast. Rates are of the fastest chain.',
  step:
    'A training step on images in memory. PyTorch is the best of eager, channels_last and, where the row says so, torch.compile, each figure\n' +
    'for itself; the variant named has the least median; bf16 is autocast. CPU is the processor time of all threads. The last share is\n' +
    "the rate of this project's fastest step, counting the network's multiply-adds only, against the product of the table above.",
  start:
    'From the start of the process to the end of its first step, and the peak of its resident memory after three more; this project by\n' +
    'the built command, PyTorch eager and channels_last.',
  views:
    'Two views of each image, with the draws, on one thread; processor time per view. The JPEG files are decoded once for both views.\n' +
    'torchvision and lightly work on PIL images.',
  epoch:
    'The second epoch: `contrastive pretrain`, with its log and checkpoint, against the same recipe in lightly (channels_last, a worker per\n' +
    'core). Wait is the share of the time that the loop waits for data; the last column is the processor time that making views takes.',
  features:
    'Pooled features of a batch in evaluation mode; a weighted kNN search with 200 neighbours against lightly’s.',
};

const side = (what: string) => [`${what}: ours`, 'PyTorch', 'ratio'];
const COLUMNS: Readonly<Record<Group, readonly string[]>> = {
  gemm: ['GFLOP/s: ours', 'PyTorch', 'ratio'],
  step: [...side('median ms'), ...side('least CPU ms'), 'variant', 'GFLOP/s', 'of the product'],
  start: [...side('start-up s'), ...side('peak MB')],
  views: ['CPU ms a view: ours', 'torchvision', 'times as fast', 'lightly', 'times as fast'],
  epoch: [...side('seconds'), ...side('peak MB'), 'wait: ours', 'lightly', 'views, of the CPU'],
  features: [...side('median ms'), ...side('least CPU ms'), 'variant'],
};
export const columnsOf = (group: Group): readonly string[] => ['work', ...COLUMNS[group], 'measured, load'];

const MISSING = '–';
const number = (value: number | undefined) =>
  value === undefined ? MISSING : value >= 100 ? value.toFixed(0) : value.toPrecision(3);
const ratio = (a: number | undefined, b: number | undefined) =>
  a === undefined || b === undefined ? MISSING : (a / b).toFixed(2);
const percent = (share: number | undefined) => (share === undefined ? MISSING : `${(100 * share).toFixed(1)} %`);
const beside = (a: number | undefined, b: number | undefined) => [number(a), number(b), ratio(a, b)];

/** Of each figure the best of PyTorch's variants; the name is that of the least median. */
function peers(compared: Compared): { readonly best: Partial<Times>; readonly name: string } {
  const good = [...compared].flatMap(([name, t]) => (name === OURS || typeof t === 'string' ? [] : [{ name, ...t }]));
  const [failure] = [...compared].flatMap(([, t]) => (typeof t === 'string' ? [t] : []));
  if (good.length === 0) return { best: {}, name: failure ?? 'skipped' };
  const least = (key: 'medianMs' | 'minMs' | 'minCpuMs') => Math.min(...good.map((t) => t[key]));
  const best = { medianMs: least('medianMs'), minMs: least('minMs'), minCpuMs: least('minCpuMs') };
  return { best, name: good.toSorted((a, b) => a.medianMs - b.medianMs)[0]!.name };
}

const timesOf = (compared: Compared, name: string): Partial<Times> => {
  const times = compared.get(name);
  if (typeof times === 'string') console.error(times);
  return typeof times === 'object' ? times : {};
};

const rate = ({ gflop, minMs }: Partial<Times>) =>
  gflop === undefined || minMs === undefined ? undefined : (1000 * gflop) / minMs;

/** Rate of this project's matrix products by precision, once it has been measured. */
const products = new Map<string, number>();

async function productRow(c: Case, settings: Settings): Promise<string[]> {
  const compared = await compareInTurns(c, settings);
  const ours = timesOf(compared, OURS);
  const theirs = peers(compared).best;
  const [a, b] = [rate(ours), rate({ ...theirs, gflop: ours.gflop })];
  if (a !== undefined) products.set(c.precision!, a);
  return [number(a), number(b), ratio(b, a)]; // of the times, as everywhere
}

async function stepRow(c: Case, settings: Settings): Promise<string[]> {
  const compared = await compareInTurns(c, settings);
  const ours = timesOf(compared, OURS);
  const { best, name } = peers(compared);
  const times = [...beside(ours.medianMs, best.medianMs), ...beside(ours.minCpuMs, best.minCpuMs), name];
  if (c.group !== 'step') return times;
  const product = products.get(c.precision!);
  const share = product === undefined || rate(ours) === undefined ? undefined : rate(ours)! / product;
  return [...times, number(rate(ours)), percent(share)];
}

async function viewsRow(c: Case, settings: Settings): Promise<string[]> {
  const compared = await compareInTurns(c, settings);
  const perView = (name: string) => {
    const { minCpuMs } = timesOf(compared, name);
    return minCpuMs === undefined ? undefined : minCpuMs / (2 * c.rows!);
  };
  const [ours, torchvision, lightly] = [perView(OURS), perView('torchvision'), perView('lightly')];
  const times = (peer: number | undefined) => [number(peer), ratio(peer, ours)];
  return [number(ours), ...times(torchvision), ...times(lightly)];
}

/** The last line that a program prints as JSON. @returns undefined, and says why on the error output, if there is none. */
function once<T>(program: string, args: readonly string[]): T | undefined {
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8', maxBuffer: 2 ** 26 });
  const line = stdout.trim().split('\n').at(-1) ?? '';
  if (status === 0 && line.startsWith('{')) return JSON.parse(line) as T;
  console.error(stderr.trim().split('\n').at(-1) || `exit code ${status}`);
  return undefined;
}

const COMMAND = script('../bin/contrastive.js');

async function startRow(c: Case, { python, threads }: Settings): Promise<string[]> {
  const flags = ['host', 'backbone', 'width', 'batch', 'image', 'precision'] as const;
  const args = flags.flatMap((name) => [`--${name}`, String(c[name])]);
  if (!existsSync(script('../dist/index.js'))) console.error('Build the command first: pnpm build.');
  type Started = Pick<Times, 'startupMs' | 'peakRssMb'>;
  const ours = once<Started>(process.execPath, [
    COMMAND,
    'bench:step',
    '--json',
    '--steps',
    '3',
    '--threads',
    `${threads}`,
    ...args,
  ]);
  const theirs: Started[] = [];
  for (const variant of python === undefined ? [] : ['eager', 'channels_last']) {
    const peer = new Side(python!, [script('theirs.py'), JSON.stringify({ ...c, threads, variant })], threads);
    const { startupMs } = await peer.ready();
    await peer.run(3);
    theirs.push({ startupMs, peakRssMb: await peer.close() });
  }
  const least = (key: keyof Started) => (theirs.length === 0 ? undefined : Math.min(...theirs.map((t) => t[key])));
  const seconds = (ms: number | undefined) => (ms === undefined ? undefined : ms / 1000);
  return [
    ...beside(seconds(ours?.startupMs), seconds(least('startupMs'))),
    ...beside(ours?.peakRssMb, least('peakRssMb')),
  ];
}

function epochRow(c: Case, { python, threads }: Settings): string[] {
  const given = JSON.stringify({ ...c, threads });
  const ours = once<Epoch>(process.execPath, [...process.execArgv, script('ours-epoch.ts'), given]);
  const theirs = python === undefined ? undefined : once<Epoch>(python, [script('theirs_epoch.py'), given]);
  return [
    ...beside(ours?.seconds, theirs?.seconds),
    ...beside(ours?.peakRssMb, theirs?.peakRssMb),
    ...[ours?.waitShare, theirs?.waitShare, ours?.viewShare].map(percent),
  ];
}

/** The cells of a case, without its name. */
export async function rowOf(c: Case, settings: Settings): Promise<string[]> {
  if (c.kind === 'gemm') return productRow(c, settings);
  if (c.kind === 'start') return startRow(c, settings);
  if (c.kind === 'views') return viewsRow(c, settings);
  return c.kind === 'epoch' ? epochRow(c, settings) : stepRow(c, settings);
}
