import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { SslError } from '@contrastive/core';
import { Command, Option } from 'commander';
import { openBackend } from '../backend.js';
import type { Context } from '../cli.js';
import { disposeEncoder, loadEncoder } from '../encoder-file.js';
import { openDenseData } from '../evaluation/dense-data.js';
import { DENSE_TASKS, type DenseTask, denseTransfer } from '../evaluation/dense-transfer.js';
import { addEvaluation, type Evaluation, evaluationTable } from '../evaluation/evaluation-file.js';
import { hashOfFile } from '../evaluation/subject.js';
import { createProgress } from '../progress.js';
import { list, number } from './pretrain.js';

interface Flags {
  readonly data: string;
  readonly tasks: readonly string[];
  readonly seeds: readonly string[];
  readonly steps: number;
  readonly side: number;
  readonly fineTune?: boolean;
  readonly out?: string;
  readonly backend: 'auto' | 'tensorflow' | 'wasm';
  readonly threads?: number;
  readonly json?: boolean;
}

export function transferCommand(_context: Context): Command {
  return new Command('transfer')
    .description('Light detection and segmentation on an encoder, beside the same network untrained.')
    .argument('<encoder>', 'run folder, or encoder.safetensors')
    .requiredOption('--data <path>', 'annotated images: a folder or tar archive with index.json, images/ and masks/')
    .option('--tasks <names>', DENSE_TASKS.join(', '), list, [...DENSE_TASKS])
    .option('--seeds <numbers>', 'one training of the head each', list, ['1', '2', '3'])
    .option('--steps <n>', "of a head's training", number, 500)
    .option('--side <pixels>', 'images are fitted into a square of this side', number, 128)
    .option('--fine-tune', 'train the encoder too; default: it is frozen')
    .option('--out <file>', 'JSON file that the results are added to; default: evaluation.json in the run folder')
    .addOption(new Option('--backend <b>', 'tensor library').choices(['auto', 'tensorflow', 'wasm']).default('auto'))
    .option('--threads <n>', 'threads of the tensor library', number)
    .option('--json', 'print the results as JSON')
    .action(run);
}

async function run(location: string, flags: Flags): Promise<void> {
  const tasks = flags.tasks.map(asTask);
  const seeds = flags.seeds.map(number);
  const output = createProgress(process.stderr);
  const backend = await openBackend({ ...flags, mode: 'eager', precision: 'f32', threads: flags.threads });
  if (backend.notice !== undefined) output.message(backend.notice);
  const encoder = loadEncoder(location);
  try {
    encoder.backbone.grid(flags.side);
    const data = await openDenseData(flags.data, encoder.meta, flags.side);
    const { steps, fineTune = false } = flags;
    const results = await denseTransfer({ encoder, data, tasks, seeds, steps, fineTune, status: output.status });
    const { name, classes, fingerprint, train, test } = data;
    const counts = { train: train.detection.images.shape[0], test: test.detection.images.shape[0] };
    const evaluation: Evaluation = {
      encoder: {
        ...{ path: encoder.path, sha256: hashOfFile(encoder.path) },
        ...{ backbone: encoder.backbone.name, side: flags.side },
      },
      data: { location: flags.data, fingerprints: [fingerprint], classes, ...counts },
      ...{ backend: backend.description, seed: 0, results },
      notes: [`${name}: the light form, not comparable with Faster R-CNN, Mask R-CNN or FCN figures.`],
    };
    output.end();
    console.log(flags.json ? JSON.stringify(evaluation) : evaluationTable(evaluation));
    const isRun = existsSync(location) && statSync(location).isDirectory();
    const file = flags.out ?? (isRun ? join(location, 'evaluation.json') : undefined);
    if (file !== undefined) addEvaluation(file, evaluation);
  } finally {
    output.end();
    disposeEncoder(encoder);
  }
}

function asTask(name: string): DenseTask {
  const task = DENSE_TASKS.find((t) => t === name);
  if (task === undefined) {
    throw new SslError('USAGE', `There is no task called ${name}.`, { hint: `There are ${DENSE_TASKS.join(', ')}.` });
  }
  return task;
}
