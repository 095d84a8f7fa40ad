import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { SslError } from '@contrastive/core';
import {
  exportTensorBoard,
  findRuns,
  readRun,
  renderReport,
  type TensorBoardExtras,
  verdictOf,
} from '@contrastive/report';
import { Command, Option } from 'commander';
import { openBackend } from '../backend.js';
import type { Context } from '../cli.js';
import { parseConfig } from '../config.js';
import { writeFileAtomic } from '../files.js';
import { createProgress, type ProgressOutput } from '../progress.js';
import { type PictureFindings, picturesOf } from '../report-pictures.js';
import { number } from './pretrain.js';

interface Flags {
  readonly out: string;
  readonly data?: string;
  readonly cache?: string;
  readonly images: number;
  readonly pictures: boolean;
  readonly tensorboard?: string;
  readonly backend: 'auto' | 'tensorflow' | 'wasm';
  readonly threads?: number;
}

export function reportCommand(_context: Context): Command {
  return new Command('report')
    .description('Writes one HTML file about a run, or about two to eight runs side by side.')
    .argument('<runs...>', 'run folders, or folders of runs')
    .option('--out <file>', 'the HTML file', 'report.html')
    .option('--data <path>', 'images for view pairs, neighbours and map; default: those the run was trained on')
    .option('--cache <dir>', 'where decoded images are kept')
    .option('--images <n>', 'images of the map', number, 1000)
    .option('--no-pictures', 'no view pairs, neighbours and map: neither data nor encoder are read')
    .option('--tensorboard <dir>', 'also write TensorBoard logs, a folder a run')
    .addOption(new Option('--backend <b>', 'tensor library').choices(['auto', 'tensorflow', 'wasm']).default('auto'))
    .option('--threads <n>', 'threads of the tensor library', number)
    .action(run);
}

async function run(locations: readonly string[], flags: Flags): Promise<void> {
  const output = createProgress(process.stderr);
  const found = locations.flatMap(runsIn);
  const runs = [...new Map(found.map(({ path, name }) => [path, name]))].map(([path, name]) => readRun(path, name));
  const pictures = new Map<string, PictureFindings>();
  if (flags.pictures) {
    for (const { path, name, config } of runs) {
      const seen = await look(path, config, flags, output);
      if (typeof seen === 'string') output.message(`No pictures of ${name}: ${seen}`);
      else pictures.set(path, seen);
    }
  }
  writeFileAtomic(flags.out, renderReport(runs, { pictures }));
  if (flags.tensorboard !== undefined) {
    for (const r of runs) exportTensorBoard(r, join(flags.tensorboard, r.name), extrasOf(pictures.get(r.path)));
  }
  for (const r of runs) console.log(`${r.name}: ${r.state}, ${verdictOf(r).kind}. ${verdictOf(r).rule}`);
  console.log(`Report: ${resolve(flags.out)}`);
  if (flags.tensorboard !== undefined) console.log(`TensorBoard: tensorboard --logdir ${flags.tensorboard}`);
}

const extrasOf = (found: PictureFindings | undefined): TensorBoardExtras => {
  if (found === undefined) return {};
  const { viewPairs, features, labels, images } = found;
  return { viewPairs, embedding: { ...features, labels, images } };
};

/** @throws SslError `IO`, `USAGE` if there is no run. */
export function runsIn(location: string) {
  if (!existsSync(location)) {
    throw new SslError('IO', `${location} does not exist.`, { hint: 'Give a run folder, or a folder of runs.' });
  }
  const found = findRuns(location);
  if (found.length > 0) return found;
  throw new SslError('USAGE', `${location} holds no run.`, {
    hint: 'Give a folder that `contrastive pretrain --out` wrote, or one above it.',
  });
}

/** Pictures of a run, or why there are none. */
async function look(
  path: string,
  recorded: unknown,
  flags: Flags,
  output: ProgressOutput,
): Promise<PictureFindings | string> {
  if (!existsSync(join(path, 'encoder.safetensors'))) return 'its encoder is written when it ends.';
  try {
    const config = parseConfig(recorded, () => join(path, 'config.json'));
    const { data = config.data, cache = config.cache, backend, threads } = flags;
    const { runtime } = await openBackend({ backend, mode: 'compiled', precision: 'f32', threads });
    return await picturesOf({ ...config, data, cache }, path, flags.images, runtime, output);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return error.message;
  }
}
