// kill -9 at random moments of a run, again and again, with a look at what is left each time.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, watch } from 'node:fs';
import { join } from 'node:path';
import { Rng } from '@contrastive/core';
import { readCheckpoint } from '../src/run-folder.js';
import { contrastive, lossesOf, start, temporaryFolder, writeImages } from './command.js';

/** What happened to the runs. */
export interface KillReport {
  kills: number;
  /** Kills that left a half-written file behind: they hit a write. */
  duringWrites: number;
  /** Kills before the run folder held a configuration. */
  beforeStart: number;
  /** Runs that were carried to their end over all kills, equal to the uninterrupted one. */
  runs: number;
}

export interface KillOptions {
  readonly moments: number;
  readonly seed: number;
  /** Length of a run, three steps and a checkpoint each. */
  readonly epochs: number;
  readonly say?: (line: string) => void;
}

/**
 * Kills runs `moments` times: every other time as soon as a checkpoint is being written, else at a random moment. After each kill every
 * file with a checkpoint's name must be whole, and the run goes on. A run that gets to its end must equal the uninterrupted one.
 *
 * @throws Error that says what was wrong after which kill.
 */
export async function killRuns({ moments, seed, epochs, say = () => {} }: KillOptions): Promise<KillReport> {
  const temporary = temporaryFolder();
  try {
    const at = (name: string) => join(temporary.path, name);
    await writeImages(join(at('data'), 'train'), { count: 12 });
    const args = (out: string) => [
      ...[
        'pretrain',
        '--data',
        at('data'),
        '--cache',
        at('cache'),
        '--width',
        '0.0625',
        '--side',
        '16',
        '--batch',
        '8',
      ],
      ...['--epochs', String(epochs), '--threads', '1', '--view-workers', '0', '--no-evaluate', '--out', out],
    ];
    const began = performance.now();
    const whole = await contrastive(...args(at('whole')));
    if (whole.code !== 0) throw new Error(whole.stderr);
    const duration = performance.now() - began;
    const rng = Rng.create(seed);
    const report: KillReport = { kills: 0, duringWrites: 0, beforeStart: 0, runs: 0 };
    let out = at('run-0');
    const finish = async () => {
      const resume = existsSync(join(out, 'config.json')) ? ['--resume'] : [];
      const ended = await contrastive(...args(out), ...resume);
      if (ended.code !== 0) throw new Error(`after ${report.kills} kills: exit code ${ended.code}: ${ended.stderr}`);
      compare(at('whole'), out);
      rmSync(out, { recursive: true });
      out = at(`run-${++report.runs}`);
    };
    while (report.kills < moments) {
      const inWrite = report.kills % 2 === 1;
      if (
        await killOnce(args(out), out, inWrite ? { write: 1 + rng.integer(8) } : { delay: rng.uniform() * duration })
      ) {
        report.kills++;
        inspect(out, report);
        if (report.kills % 10 === 0) say(`${report.kills} kills, ${report.duringWrites} during writes`);
      } else {
        await finish();
      }
    }
    await finish();
    return report;
  } finally {
    temporary.remove();
  }
}

/** When to kill: at the n-th file that is begun in the folder of checkpoints, or after so many milliseconds. */
type Moment = { readonly write: number } | { readonly delay: number };

/** @returns false if the run ended before it was killed. */
async function killOnce(args: readonly string[], out: string, moment: Moment): Promise<boolean> {
  const resume = existsSync(join(out, 'config.json')) ? ['--resume'] : [];
  const folder = join(out, 'checkpoints');
  mkdirSync(folder, { recursive: true });
  const { child, ended } = start([...args, ...resume]);
  const kill = () => child.kill('SIGKILL');
  const begun = new Set<string>();
  const watcher = watch(folder, (_event, name) => {
    if (name?.endsWith('.tmp')) begun.add(name);
    if ('write' in moment && begun.size >= moment.write) kill();
  });
  const timer = 'delay' in moment ? setTimeout(kill, moment.delay) : undefined;
  const { signal, code, stderr } = await ended;
  watcher.close();
  clearTimeout(timer);
  if (signal === null && code !== 0) throw new Error(`exit code ${code}: ${stderr}`);
  return signal === 'SIGKILL';
}

/** Every checkpoint is whole, and so is every line of the log but the last. */
function inspect(out: string, report: KillReport): void {
  if (!existsSync(join(out, 'config.json'))) {
    report.beforeStart++;
    return;
  }
  const names = readdirSync(join(out, 'checkpoints'));
  for (const name of names) if (name.endsWith('.safetensors')) readCheckpoint(join(out, 'checkpoints', name));
  if (names.some((name) => name.endsWith('.tmp'))) report.duringWrites++;
  const log = join(out, 'metrics.jsonl');
  if (existsSync(log)) for (const line of readFileSync(log, 'utf8').split('\n').slice(0, -1)) JSON.parse(line);
}

function compare(whole: string, run: string): void {
  const encoder = (folder: string) => readFileSync(join(folder, 'encoder.safetensors'));
  if (!encoder(run).equals(encoder(whole))) throw new Error(`the encoder of ${run} differs`);
  if (String(lossesOf(run)) !== String(lossesOf(whole))) throw new Error(`the losses of ${run} differ`);
}
