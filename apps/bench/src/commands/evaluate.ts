import { Command, Option } from 'commander';
import { openBackend } from '../backend.js';
import type { Context } from '../cli.js';
import { loadEncoder } from '../encoder-file.js';
import { disposeEncoder, evaluateKnn, openEvaluationData } from '../evaluate.js';
import { createProgress } from '../progress.js';
import { number } from './pretrain.js';

interface Flags {
  readonly data: string;
  readonly labels?: string;
  readonly cache?: string;
  readonly k?: number;
  readonly temperature?: number;
  readonly maxUnreadable: number;
  readonly backend: 'auto' | 'tensorflow' | 'wasm';
  readonly threads?: number;
  readonly json?: boolean;
}

export function evaluateCommand(_context: Context): Command {
  return new Command('evaluate')
    .description('Weighted kNN accuracy of an encoder on labelled images, on pooled features.')
    .argument('<encoder>', 'run folder, or encoder.safetensors')
    .requiredOption('--data <path>', 'images with train and test parts in class folders, or cifar10-mini')
    .option('--labels <csv>', 'labels from a file of path,label rows')
    .option('--cache <dir>', 'where decoded images are kept')
    .option('--k <n>', 'neighbours; default 20 for fewer than 10,000 training images, else 200', number)
    .option('--temperature <t>', 'default 0.1', number)
    .option('--max-unreadable <share>', 'share of unreadable images that is tolerated', number, 0.01)
    .addOption(new Option('--backend <b>', 'tensor library').choices(['auto', 'tensorflow', 'wasm']).default('auto'))
    .option('--threads <n>', 'threads of the tensor library', number)
    .option('--json', 'print the result as JSON')
    .action(run);
}

async function run(location: string, flags: Flags): Promise<void> {
  const output = createProgress(process.stderr);
  const { notice } = await openBackend({ ...flags, mode: 'eager', precision: 'f32', threads: flags.threads });
  if (notice !== undefined) output.message(notice);
  const encoder = loadEncoder(location);
  const data = await openEvaluationData({ ...flags, side: encoder.meta.side }, output);
  try {
    const { protocol, top1, bankSize } = await evaluateKnn(encoder, data, flags);
    const { value, interval, total } = top1;
    if (flags.json) console.log(JSON.stringify({ protocol, accuracy: value, interval, bankSize, testSize: total }));
    else {
      const percent = (share: number) => (100 * share).toFixed(2);
      console.log(
        `${protocol}: ${percent(value)} % (95 % interval ${percent(interval[0])} to ${percent(interval[1])})`,
      );
      console.log(`${bankSize} training images, ${total} test images`);
    }
  } finally {
    await data.close();
    disposeEncoder(encoder);
  }
}
