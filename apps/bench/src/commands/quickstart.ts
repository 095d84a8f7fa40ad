import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SslError } from '@contrastive/core';
import { Command } from 'commander';
import type { Context } from '../cli.js';
import { EMBEDDED } from '../image-data.js';
import { duration } from '../progress.js';
import { textTable } from '../table.js';
import { number, type PretrainResult } from './pretrain.js';

interface Flags {
  readonly out?: string;
  readonly epochs: number;
  readonly seed: number;
  readonly json?: boolean;
}

/** Learns from the first step: a momentum encoder and its queue take longer to settle than these few epochs. */
const HOST = 'simclr';
const METHOD = 'reco';
/** Sized for less than five minutes on two cores. */
const COMMON = ['--data', EMBEDDED, '--host', HOST, '--backbone', 'resnet18', '--width', '0.25', '--batch', '128'];

export function quickstartCommand(_context: Context): Command {
  return new Command('quickstart')
    .description('Pretrains on the embedded images with a host alone and with a method, and compares by kNN.')
    .option('--epochs <n>', 'passes over the 5,000 images', number, 8)
    .option('--seed <n>', 'fixes every random choice', number, 1)
    .option('--out <dir>', 'folder of the runs; default: a new one under runs/')
    .option('--json', 'print the results as JSON')
    .action(run);
}

async function run({ out = newFolder(), epochs, seed, json }: Flags): Promise<void> {
  const cases = [
    { name: 'random initialisation', folder: 'random', args: ['--epochs', '0'] },
    { name: HOST, folder: HOST, args: ['--epochs', `${epochs}`] },
    { name: `${HOST} + ${METHOD}`, folder: `${HOST}-${METHOD}`, args: ['--epochs', `${epochs}`, '--methods', METHOD] },
  ];
  const results: (PretrainResult & { name: string })[] = [];
  for (const { name, folder, args } of cases) {
    console.error(`\n${name}`);
    const result = await pretrainInProcess([...COMMON, ...args, '--seed', `${seed}`, '--out', join(out, folder)]);
    results.push({ name, ...result });
  }
  if (json) {
    console.log(JSON.stringify({ out, results }));
    return;
  }
  const rows = results.map(({ name, knn, seconds, peakMemoryMb, steps }) => [
    name,
    knn === undefined ? '–' : `${(100 * knn).toFixed(1)} %`,
    steps === 0 ? '–' : duration(seconds),
    `${peakMemoryMb} MB`,
  ]);
  console.log(`\n${textTable(['encoder', 'kNN accuracy', 'training time', 'peak memory'], rows)}\n\nRuns: ${out}`);
}

const newFolder = () => join('runs', `quickstart-${new Date().toISOString().slice(0, 19).replace(/:/g, '-')}`);

/** `contrastive pretrain` in a process of its own, so that each run's memory is its own. */
function pretrainInProcess(args: readonly string[]): Promise<PretrainResult> {
  const command = fileURLToPath(new URL('../bin/contrastive.js', import.meta.url));
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [command, 'pretrain', ...args, '--json'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (part: string) => {
      text += part;
    });
    child.on('error', reject);
    child.on('close', (code, signal) => {
      if (code === 0) resolve(JSON.parse(text) as PretrainResult);
      else reject(new SslError('CANCELLED', `A run ended with ${signal ?? `exit code ${code}`}; see above.`));
    });
  });
}
