import { join } from 'node:path';
import { SslError } from '@contrastive/core';
import { Command, InvalidArgumentError, Option } from 'commander';
import { names } from '../catalogue.js';
import type { Context } from '../cli.js';
import { applySetting, parseConfig, type RunConfig, readConfigFile } from '../config.js';
import { loadEncoder } from '../encoder-file.js';
import { disposeEncoder, evaluateKnn, openEvaluationData } from '../evaluate.js';
import { readJson, writeFileAtomic } from '../files.js';
import { onInterrupt } from '../interrupt.js';
import { configOfRun, pretrain, type RunSummary } from '../pretrain.js';
import { createProgress, duration, type ProgressOutput } from '../progress.js';

/** A number on the command line. */
export const number = (text: string): number => {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value)) throw new InvalidArgumentError('It must be a number.');
  return value;
};
const list = (text: string) => text.split(',').filter((name) => name !== '');
const repeat = (text: string, earlier: readonly string[] = []) => [...earlier, text];

/** Flags of `pretrain` that are fields of the configuration under another name or shape. */
interface Flags extends Record<string, unknown> {
  readonly out?: string;
  readonly config?: string;
  readonly set?: readonly string[];
  readonly resume?: boolean;
  readonly json?: boolean;
  readonly backbone?: string;
  readonly width?: number;
}

/** What `pretrain --json` prints. */
export type PretrainResult = RunSummary & { readonly knn?: number };

export function pretrainCommand(context: Context): Command {
  return new Command('pretrain')
    .description('Pretrain an encoder on a folder of images.')
    .option('--data <path>', 'folder of images, tar archive, or cifar10-mini (embedded)')
    .option('--split <name>', 'part of the data: train (default), test, all, or a folder')
    .option('--cache <dir>', 'where decoded images are kept')
    .option('--host <name>', `host framework: ${names.hosts.join(', ')}`)
    .option('--methods <names>', `methods, separated by commas: ${names.methods.join(', ')}`, list)
    .option('--backbone <name>', `encoder: ${names.backbones.join(', ')}`)
    .option('--width <factor>', 'width of a ResNet as a share of the usual one', number)
    .option('--recipe <name>', "augmentation recipe; default: the host's")
    .option('--normalization <set>', `channel statistics: ${names.normalizations.join(', ')}`)
    .option('--side <pixels>', 'input side', number)
    .option('--batch <n>', 'images in a batch', number)
    .option('--accumulate <n>', 'micro-batches in an optimiser step', number)
    .option('--epochs <n>', 'passes over the data', number)
    .option('--seed <n>', 'fixes every random choice', number)
    .addOption(new Option('--precision <p>', 'number format of activations').choices(['f32', 'bf16']))
    .addOption(new Option('--mode <m>', 'how a step is run').choices(['compiled', 'eager']))
    .addOption(new Option('--backend <b>', 'tensor library').choices(['auto', 'tensorflow', 'wasm']))
    .option('--threads <n>', 'threads of the tensor library', number)
    .option('--workers <n>', 'threads that make views', number)
    .option('--max-unreadable <share>', 'share of unreadable images that is tolerated', number)
    .option('--checkpoint-every <epochs>', 'epochs between checkpoints', number)
    .option('--keep-checkpoints <n>', 'checkpoints that are kept', number)
    .option('--record-every <steps>', 'steps between full records of metrics', number)
    .option('--no-evaluate', 'no kNN evaluation at the end')
    .option(
      '--config <file>',
      'YAML or JSON file with any of these options, and those of host, methods, optimizer, schedule',
    )
    .option('--set <path=value>', 'one more option, for example host.temperature=0.1 or reco.lambda1=2', repeat)
    .option('--out <dir>', 'run folder')
    .option('--resume', 'go on with the run in --out')
    .option('--json', 'print the summary as JSON')
    .action(async (flags: Flags) => {
      context.exitCode = await run(flags);
    });
}

async function run(flags: Flags): Promise<number> {
  const { out, resume = false, json = false } = flags;
  if (out === undefined) throw new SslError('USAGE', 'Name a run folder: --out runs/first.');
  const config = resume ? configOfRun(out) : toConfig(flags);
  const output = createProgress(process.stderr);
  const interrupt = onInterrupt();
  try {
    const summary = await pretrain({ config, out, resume, output, signal: interrupt.signal });
    if (summary.status === 'stopped') {
      output.message(`Stopped after step ${summary.steps}; go on with --resume --out ${out}.`);
      return interrupt.exitCode();
    }
    const results = config.evaluate ? await evaluateAtEnd(config, out, output) : undefined;
    const result: PretrainResult = { ...summary, ...(results === undefined ? {} : { knn: results }) };
    if (json) console.log(JSON.stringify(result));
    else console.log(describe(summary, results));
    return 0;
  } finally {
    interrupt.dispose();
  }
}

/** Defaults < file < flags < --set. @throws SslError `BAD_OPTION`, `USAGE`. */
export function toConfig({ out: _, config: file, set = [], resume: __, json: ___, width, ...flags }: Flags): RunConfig {
  const fromFile = file === undefined ? {} : readConfigFile(file);
  // commander's --no-evaluate is true when it was not given; a file may say otherwise.
  const { evaluate, ...given } = flags;
  const merged: Record<string, unknown> = { ...fromFile, ...given };
  if (evaluate === false) merged.evaluate = false;
  if (width !== undefined) applySetting(merged, `backbone.width=${width}`);
  for (const setting of set) applySetting(merged, setting);
  if (merged.data === undefined) {
    throw new SslError('USAGE', 'Name the images: --data DIR, or --data cifar10-mini for the embedded ones.');
  }
  return parseConfig(merged, file ?? 'options');
}

/** kNN on the test images, if the data has test images and labels. */
async function evaluateAtEnd(config: RunConfig, out: string, output: ProgressOutput): Promise<number | undefined> {
  const encoder = loadEncoder(out);
  try {
    const data = await openEvaluationData(config, output);
    try {
      const knn = (await evaluateKnn(encoder, data)).top1.value;
      const summary = join(out, 'summary.json');
      writeFileAtomic(summary, `${JSON.stringify({ ...(readJson(summary) as object), knn }, null, 2)}\n`);
      return knn;
    } finally {
      await data.close();
    }
  } catch (error) {
    if ((error as { code?: string }).code !== 'DATA') throw error;
    output.message(`No kNN evaluation: ${(error as Error).message}`);
    return undefined;
  } finally {
    disposeEncoder(encoder);
  }
}

function describe(s: RunSummary, knn: number | undefined): string {
  const lines = [
    `run            ${s.run}`,
    `loss           ${s.loss?.toFixed(4) ?? '–'}`,
    ...(knn === undefined ? [] : [`kNN accuracy   ${(100 * knn).toFixed(2)} %`]),
    `time           ${duration(s.seconds)} (${s.imagesPerSecond.toFixed(0)} images/s)`,
    `peak memory    ${s.peakMemoryMb} MB`,
    `backend        ${s.backend}`,
  ];
  return lines.join('\n');
}
