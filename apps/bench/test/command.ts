// The real command in processes of its own, and small folders of images for it.
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Rng } from '@contrastive/core';
import sharp from 'sharp';

const COMMAND = fileURLToPath(new URL('../bin/contrastive.js', import.meta.url));

/** How a process ended, and what it wrote. */
export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Standard error without the notices about caches and progress. */
  readonly errors: readonly string[];
}

/** A `contrastive` process under way. */
export interface Started {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
}

export interface StartOptions {
  /** Added to the environment. */
  readonly env?: NodeJS.ProcessEnv;
  /** Program and arguments in front of the command, for example `ip netns exec NAME`. */
  readonly within?: readonly string[];
}

/** Starts `contrastive` without waiting for its end. */
export function start(args: readonly string[], { env = {}, within = [] }: StartOptions = {}): Started {
  const [program, ...rest] = [...within, process.execPath, COMMAND, ...args] as [string, ...string[]];
  const child = spawn(program, rest, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  const text = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (part: string) => {
      text[name] += part;
    });
  }
  const ended = new Promise<Ended>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => {
      const errors = text.stderr.split('\n').filter((line) => line.startsWith('error: '));
      resolve({ code, signal, ...text, errors });
    });
  });
  return { child, ended };
}

export const contrastive = (...args: readonly string[]): Promise<Ended> => start(args).ended;

/**
 * Arguments of a run that several workers can share, on the images of `folder`/data. With so small a rate that rounding does not grow to
 * more than is tested: batch norm over a few images of noise is badly conditioned. Yet every update changes the loss by some 10⁻⁴, so
 * that a wrong one shows.
 */
export const sharedRun = (folder: string, run: string, ...more: readonly string[]): string[] => [
  ...['pretrain', '--data', join(folder, 'data'), '--cache', join(folder, 'cache'), '--out', join(folder, run)],
  ...['--host', 'simclr', '--width', '0.0625', '--side', '16', '--batch', '12', '--epochs', '10', '--lr', '1e-6'],
  ...['--threads', '1', '--view-workers', '0', '--no-evaluate', ...more],
];

/** A folder that is removed by `remove`. */
export function temporaryFolder(): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'contrastive-test-'));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

export interface ImagesOptions {
  /** Images of each class. */
  readonly count: number;
  readonly classes?: readonly string[];
  /** Width and height of image i; default 20 × 20. */
  readonly size?: (i: number) => readonly [number, number];
}

const BRIGHTNESS: Readonly<Record<string, number>> = { dark: 20, grey: 100, light: 190 };

/** Writes JPEGs of noise, each class around the brightness that its name says, to `folder/CLASS/N.jpg`. */
export async function writeImages(folder: string, { count, classes = ['dark', 'light'], size }: ImagesOptions) {
  for (const name of classes) {
    mkdirSync(join(folder, name), { recursive: true });
    for (let i = 0; i < count; i++) {
      const [width, height] = size?.(i) ?? [20, 20];
      const rng = Rng.create(i).fork(name);
      const base = BRIGHTNESS[name] ?? 100;
      const pixels = Uint8Array.from({ length: width * height * 3 }, () => base + 50 * rng.uniform());
      await sharp(pixels, { raw: { width, height, channels: 3 } })
        .jpeg()
        .toFile(join(folder, name, `${i}.jpg`));
    }
  }
}

/** Names of a run's checkpoints, oldest first. */
export function checkpointsOf(run: string): string[] {
  const folder = join(run, 'checkpoints');
  return existsSync(folder)
    ? readdirSync(folder)
        .filter((name) => name.endsWith('.safetensors'))
        .sort()
    : [];
}

/** Waits until a run has a newer checkpoint than those it has now. */
export async function nextCheckpoint(run: string): Promise<void> {
  const newest = checkpointsOf(run).at(-1);
  for (let waited = 0; waited < 120_000; waited += 10) {
    if (checkpointsOf(run).at(-1) !== newest) return;
    await sleep(10);
  }
  throw new Error(`${run} has no new checkpoint after two minutes`);
}

/** Waits until a checkpoint of a run is there. */
export async function firstCheckpoint(run: string): Promise<void> {
  if (checkpointsOf(run).length === 0) await nextCheckpoint(run);
}

export const readSummary = (run: string) =>
  JSON.parse(readFileSync(join(run, 'summary.json'), 'utf8')) as {
    readonly status: string;
    readonly loss: number;
    readonly best: { readonly file: string; readonly step: number };
    readonly knn?: number;
    readonly steps: number;
    readonly skippedImages: number;
    readonly skipped: readonly { readonly name: string; readonly reason: string }[];
  };

/** Loss of every step, from the run's log. */
export const lossesOf = (run: string): number[] =>
  readFileSync(join(run, 'metrics.jsonl'), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => (JSON.parse(line) as { loss: number }).loss);
