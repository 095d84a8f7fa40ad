import { constants } from 'node:os';
import { join } from 'node:path';
import { SslError } from '@contrastive/core';
import { Command, InvalidArgumentError, Option } from 'commander';
import { checkShared } from '../assemble.js';
import { names } from '../catalogue.js';
import type { Context } from '../cli.js';
import type { RunConfig, RunConfigInput } from '../config.js';
import { knnAtEnd } from '../evaluation/knn-at-end.js';
import { readJson, writeFileAtomic } from '../files.js';
import { createInterrupt, type Interrupt } from '../interrupt.js';
import { pretrain, type RunSummary } from '../pretrain.js';
import { createProgress, duration, type ProgressOutput } from '../progress.js';
import { RunFolder } from '../run-folder.js';
import { type ConfigFlags, toConfig, toResumeConfig } from '../run-options.js';
import { labelled } from '../table.js';
import { findCluster } from '../workers/cluster.js';
import { follow } from '../workers/follow.js';
import { launchWorkers } from '../workers/launch.js';
import { asWorker } from '../workers/launched.js';

/** A number on the command line. */
export const number = (text: string): number => {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value)) throw new InvalidArgumentError('It must be a number.');
  return value;
};
export const list = (text: string) => text.split(',').filter((name) => name !== '');
const repeat = (text: string, earlier: readonly string[] = []) => [...earlier, text];

/** Flags of `pretrain` that are fields of the configuration under another name or shape. */
interface Flags extends Partial<RunConfigInput> {
  readonly out?: string;
  readonly config?: string;
  readonly set?: readonly string[];
  readonly resume?: boolean;
  readonly preset?: string;
  readonly json?: boolean;
  readonly width?: number;
  readonly lr?: number;
  readonly cluster?: string;
  readonly rank?: number;
}

/** What `pretrain --json` prints. */
export type PretrainResult = RunSummary & { readonly knn?: number };

export function pretrainCommand(context: Context): Command {
  return new Command('pretrain')
    .description('Pretrain an encoder on a folder of images.')
    .option('--data <path>', 'folder of images, tar archive, or cifar10-mini (embedded)')
    .option(
      '--split <name>',
      'part of the data: train, test, all, or a folder; default: train if there is one, else all',
    )
    .option('--cache <dir>', 'where decoded images are kept')
    .option('--host <name>', `host framework: ${names.hosts.join(', ')}`)
    .option('--preset <source/data>', 'published recipe of the host, for example lightly/cifar')
    .option('--methods <names>', `methods, separated by commas: ${names.methods.join(', ')}`, list)
    .option('--backbone <name>', `encoder: ${names.backbones.join(', ')}`)
    .option('--width <factor>', 'width of a ResNet as a share of the usual one', number)
    .option('--recipe <name>', "augmentation recipe; default: the host's")
    .option('--normalization <set>', `channel statistics: ${names.normalizations.join(', ')}`)
    .option('--side <pixels>', 'input side', number)
    .option('--batch <n>', 'images in a batch, of all workers together', number)
    .option('--accumulate <n>', 'micro-batches in an optimiser step', number)
    .option('--epochs <n>', 'passes over the data', number)
    .option('--optimizer <name>', `optimizer: ${names.optimizers.join(', ')}; default: the host's`)
    .option('--lr <rate>', 'base learning rate', number)
    .option('--seed <n>', 'fixes every random choice', number)
    .addOption(new Option('--precision <p>', 'number format of activations').choices(['f32', 'tf32', 'bf16']))
    .addOption(
      new Option('--device <d>', 'where to compute; auto: on a GPU if there is one').choices(['auto', 'cpu', 'gpu']),
    )
    .option('--xla', 'let XLA compile steps for the GPU')
    .addOption(new Option('--mode <m>', 'how a step is run').choices(['compiled', 'eager']))
    .addOption(new Option('--backend <b>', 'tensor library').choices(['auto', 'tensorflow', 'wasm']))
    .option('--threads <n>', 'threads of the tensor library, in each process', number)
    .option('--workers <n>', 'training processes on this machine, which share the batch', number)
    .option('--cluster <file>', 'YAML or JSON list of host:port: the machines that train together', String)
    .option('--rank <n>', 'place of this process in --cluster, from 0', number)
    .addOption(
      new Option('--batch-norm <scope>', 'batch statistics of several workers').choices(['synchronised', 'local']),
    )
    .option('--worker-timeout <seconds>', 'after which a worker that does not answer ends the run', number)
    .addOption(new Option('--augment <where>', 'who makes the views').choices(['cpu', 'device']))
    .option('--view-workers <n>', 'threads that make views', number)
    .option('--max-unreadable <share>', 'share of unreadable images that is tolerated', number)
    .addOption(
      new Option('--on-divergence <what>', 'on a loss or gradient that is not finite').choices([
        'stop',
        'skip',
        'rollback',
      ]),
    )
    .option('--max-gradient-norm <norm>', 'gradient norm that counts as diverged', number)
    .option('--best-by <metric>', 'metric of the best checkpoint')
    .addOption(new Option('--best-goal <goal>', 'whether less or more is better').choices(['min', 'max']))
    .option('--checkpoint-every <epochs>', 'epochs between checkpoints', number)
    .option('--keep-checkpoints <n>', 'checkpoints that are kept', number)
    .option('--record-every <steps>', 'steps between full records of metrics', number)
    .option('--online-probe', 'log the accuracy of a linear probe beside the training; needs labels')
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
      context.exitCode = await asWorker(() => run(flags, context.args));
    });
}

async function run(flags: Flags, args: readonly string[]): Promise<number> {
  const { out, resume = false, json = false } = flags;
  if (out === undefined) {
    throw new SslError('USAGE', 'No run folder was named.', { hint: 'Give one, for example --out runs/first.' });
  }
  const cluster = findCluster(flags, process.env.TF_CONFIG);
  const config = resume ? toResumeConfig(out, configFlags(flags)) : toConfig(configFlags(flags));
  if (cluster === undefined && config.workers > 1) {
    RunFolder.check(out, { resume });
    checkShared(config, config.workers);
    return launchWorkers({ count: config.workers, args, out, timeoutSeconds: config.workerTimeout });
  }
  const output = createProgress(process.stderr);
  const interrupt = createInterrupt();
  const options = { config, out, resume, output, interrupt, cluster };
  if (cluster !== undefined && cluster.rank > 0) return (await follow(options)) ? 0 : stopCode(interrupt);
  const summary = await pretrain(options);
  reportSkipped(summary, output);
  const knn = config.evaluate && summary.status === 'done' ? await evaluateAtEnd(config, out, output) : undefined;
  const result: PretrainResult = { ...summary, ...(knn === undefined ? {} : { knn }) };
  console.log(json ? JSON.stringify(result) : resultTable(result));
  if (summary.status === 'done') return 0;
  output.message(`Stopped after step ${summary.steps}; go on with --resume --out ${out}.`);
  return stopCode(interrupt);
}

/** The signal may have come to another worker: then it was to end the run, as SIGTERM is. */
const stopCode = (interrupt: Interrupt): number => interrupt.exitCode() || 128 + constants.signals.SIGTERM;

function configFlags({
  out: _,
  config,
  set,
  resume: __,
  json: ___,
  width,
  lr,
  preset,
  evaluate,
  cluster: ____,
  rank: _____,
  ...fields
}: Flags): ConfigFlags {
  const settings = [
    ...(width === undefined ? [] : [`backbone.width=${width}`]),
    ...(lr === undefined ? [] : [`optimizer.learningRate=${lr}`]),
    ...(set ?? []),
  ];
  // commander's --no-evaluate is true when it was not given; a file may say otherwise.
  return { config, preset, settings, fields: evaluate === false ? { ...fields, evaluate } : fields };
}

const SHOWN = 10;

/** Lists images that could not be used, at the end, where it is seen. */
function reportSkipped({ skipped, run }: RunSummary, output: ProgressOutput): void {
  if (skipped.length === 0) return;
  output.message(`${skipped.length} ${skipped.length === 1 ? 'image was' : 'images were'} skipped:`);
  for (const { name, reason } of skipped.slice(0, SHOWN)) output.message(`  ${name}: ${reason}`);
  if (skipped.length > SHOWN) output.message(`  … all of them are in ${join(run, 'summary.json')}`);
}

/** kNN on test images, if the data has labels. */
async function evaluateAtEnd(config: RunConfig, out: string, output: ProgressOutput): Promise<number | undefined> {
  try {
    const knn = (await knnAtEnd(config, out, output)).top1.value;
    const summary = join(out, 'summary.json');
    writeFileAtomic(summary, `${JSON.stringify({ ...(readJson(summary) as object), knn }, null, 2)}\n`);
    return knn;
  } catch (error) {
    if ((error as { code?: string }).code !== 'DATA') throw error;
    output.message(`No kNN evaluation: ${(error as Error).message}`);
    return undefined;
  }
}

function resultTable(r: PretrainResult): string {
  const rows: [string, string][] = [
    ['run', r.run],
    ['encoder', join(r.run, 'encoder.safetensors')],
    ['trained', `${r.epochs} epochs, ${r.steps} steps`],
    ['images', r.skippedImages === 0 ? `${r.images}` : `${r.images} (${r.skippedImages} skipped)`],
    ['loss', r.loss?.toFixed(4) ?? '–'],
    ...(r.knn === undefined ? [] : [['kNN accuracy', `${(100 * r.knn).toFixed(2)} %`] as [string, string]]),
    ['time', `${duration(r.seconds)} (${r.imagesPerSecond.toFixed(0)} images/s)`],
    ['peak memory', `${r.peakMemoryMb} MB`],
    ['backend', r.backend],
  ];
  return labelled(rows);
}
