import { existsSync, mkdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { nearest, SslError } from '@contrastive/core';
import { defaultCacheFolder } from '@contrastive/data';
import { Command, Option } from 'commander';
import { openBackend } from '../backend.js';
import { normalizationOf } from '../catalogue.js';
import type { Context } from '../cli.js';
import { disposeEncoder, type EncoderMeta, loadEncoder } from '../encoder-file.js';
import { embeddingPictures } from '../evaluation/embedding-pictures.js';
import {
  BASELINES,
  type Baseline,
  chooseProtocols,
  DEFAULT_PROTOCOLS,
  evaluateEncoder,
} from '../evaluation/evaluate-encoder.js';
import { addEvaluation, type Evaluation, evaluationTable } from '../evaluation/evaluation-file.js';
import { FeatureCache } from '../evaluation/feature-cache.js';
import { openSets } from '../evaluation/open-sets.js';
import { protocolHelp } from '../evaluation/protocols.js';
import type { ResultRow } from '../evaluation/result.js';
import { hashOfFile } from '../evaluation/subject.js';
import { ioError, writeFileAtomic } from '../files.js';
import { createProgress } from '../progress.js';
import { list, number } from './pretrain.js';

interface Flags {
  readonly data: string;
  readonly labels?: string;
  readonly cache?: string;
  readonly protocols?: readonly string[];
  readonly baselines: readonly string[];
  readonly k?: number;
  readonly temperature?: number;
  readonly epochs?: number;
  readonly supervisedEpochs?: number;
  readonly trainImages?: number;
  readonly testImages?: number;
  readonly seed: number;
  readonly out?: string;
  readonly pictures?: string;
  readonly featureCache: string | boolean;
  readonly maxUnreadable: number;
  readonly backend: 'auto' | 'tensorflow' | 'wasm';
  readonly threads?: number;
  readonly json?: boolean;
  readonly backbone?: string;
  readonly width?: number;
  readonly side?: number;
  readonly normalization?: string;
}

export function evaluateCommand(_context: Context): Command {
  return new Command('evaluate')
    .description('How good an encoder is: kNN, probes, few labels, fine-tuning and measures without labels.')
    .argument(
      '<encoder>',
      'run folder, encoder.safetensors, checkpoint, or weights of another program (.safetensors, model.json)',
    )
    .requiredOption('--data <path>', 'images in class folders with train and test parts, or cifar10-mini')
    .option('--labels <csv>', 'labels from a file of path,label rows')
    .option('--protocols <names>', `separated by commas, see below; default: ${DEFAULT_PROTOCOLS.join(',')}`, list)
    .option('--baselines <names>', `rows to compare with: ${BASELINES.join(', ')}`, list, [])
    .option('--cache <dir>', 'where decoded images are kept')
    .option('--feature-cache <dir>', "where features are kept; default: the run folder's, or the user's")
    .option('--no-feature-cache', 'keep no features')
    .option('--k <n>', 'neighbours of knn; default 20 for fewer than 10,000 training images, else 200', number)
    .option('--temperature <t>', 'of knn; default 0.1 and 0.07', number)
    .option('--epochs <n>', 'of probes and fine-tuning, in place of the published number', number)
    .option('--supervised-epochs <n>', 'of the supervised baseline; default 30', number)
    .option('--train-images <n>', 'use a stratified sample of the training images', number)
    .option('--test-images <n>', 'use a stratified sample of the test images', number)
    .option('--seed <n>', 'of probes, draws and baselines', number, 0)
    .option('--max-unreadable <share>', 'share of unreadable images that is tolerated', number, 0.01)
    .option('--out <file>', 'JSON file that the results are added to; default: evaluation.json in the run folder')
    .option('--pictures <dir>', 'folder for UMAP and t-SNE of at most 1000 images beside the untrained network, as SVG')
    .addOption(new Option('--backend <b>', 'tensor library').choices(['auto', 'tensorflow', 'wasm']).default('auto'))
    .option('--threads <n>', 'threads of the tensor library', number)
    .option('--backbone <name>', 'encoder of a file that does not say it itself')
    .option('--width <factor>', 'its width, as in pretrain', number)
    .option('--side <pixels>', 'its input side; default 32', number)
    .option('--normalization <set>', 'its channel statistics; default imagenet')
    .option('--json', 'print the results as JSON')
    .addHelpText('after', `\nProtocols (name or name:variant):\n${protocolHelp}`)
    .action(run);
}

async function run(location: string, flags: Flags): Promise<void> {
  const baselines = flags.baselines.map(asBaseline);
  const output = createProgress(process.stderr);
  const backend = await openBackend({ ...flags, mode: 'compiled', precision: 'f32', threads: flags.threads });
  if (backend.notice !== undefined) output.message(backend.notice);
  const encoder = loadEncoder(location, describedBy(flags));
  const sets = await openSets({ ...flags, side: encoder.meta.side }, output);
  try {
    const protocols = chooseProtocols(flags.protocols, sets, flags.data);
    if (sets.test === undefined) output.message('There are no labels: measuring the representation only.');
    const hash = hashOfFile(encoder.path);
    const describe = (results: readonly ResultRow[]): Evaluation => ({
      encoder: { path: encoder.path, sha256: hash, backbone: encoder.backbone.name, side: encoder.meta.side },
      data: {
        location: flags.data,
        fingerprints: [sets.train, ...(sets.test === undefined ? [] : [sets.test])].map((s) => s.fingerprint),
        classes: sets.classNames,
        train: sets.train.count,
        test: sets.test?.count ?? 0,
      },
      backend: backend.description,
      ...{ seed: flags.seed, notes: sets.notes, results },
    });
    const file = flags.out ?? (isFolder(location) ? join(location, 'evaluation.json') : undefined);
    const results = await evaluateEncoder({
      ...{ encoder, hash, sets, protocols, baselines, runtime: backend.runtime, cache: featureFolder(location, flags) },
      ...{ seed: flags.seed, k: flags.k, temperature: flags.temperature, epochs: flags.epochs },
      supervisedEpochs: flags.supervisedEpochs,
      keep: file === undefined ? undefined : (name, text) => writeFileAtomic(join(dirname(file), name), text),
      say: output.message,
      status: output.status,
      onRows: (rows) => {
        if (file !== undefined) addEvaluation(file, describe(rows));
      },
    });
    if (flags.pictures !== undefined) {
      const cache = new FeatureCache(featureFolder(location, flags), output.message);
      const { runtime } = backend;
      const drawn = { encoder, hash, sets, runtime, cache, seed: flags.seed, status: output.status };
      writePictures(flags.pictures, await embeddingPictures(drawn), output.message);
    }
    output.end();
    const evaluation = describe(results);
    console.log(flags.json ? JSON.stringify(evaluation) : evaluationTable(evaluation));
    if (file !== undefined) output.message(`Results: ${file}`);
  } finally {
    output.end();
    await sets.close();
    disposeEncoder(encoder);
  }
}

function writePictures(folder: string, files: Readonly<Record<string, string>>, say: (line: string) => void): void {
  try {
    mkdirSync(folder, { recursive: true });
  } catch (error) {
    throw ioError('Making the folder', folder, error);
  }
  for (const [name, svg] of Object.entries(files)) writeFileAtomic(join(folder, name), svg);
  say(
    `Pictures: ${Object.keys(files)
      .map((name) => join(folder, name))
      .join(', ')}`,
  );
}

/** What the flags say of an encoder whose file says nothing. */
function describedBy({ backbone: name, width, side = 32, normalization = 'imagenet' }: Flags): EncoderMeta | undefined {
  if (name === undefined) return undefined;
  const { mean, std } = normalizationOf(normalization);
  return { backbone: { name, ...(width === undefined ? {} : { width }) }, side, mean, std };
}

const isFolder = (path: string): boolean => existsSync(path) && statSync(path).isDirectory();

/** Features of a run lie in its folder, and go with it. */
function featureFolder(location: string, { featureCache }: Flags): string | undefined {
  if (featureCache === false) return undefined;
  if (typeof featureCache === 'string') return featureCache;
  return isFolder(location) ? join(location, 'features') : join(dirname(defaultCacheFolder()), 'features');
}

function asBaseline(name: string): Baseline {
  const known = BASELINES.find((b) => b === name);
  if (known !== undefined) return known;
  const near = nearest(name, BASELINES);
  const hint = near === undefined ? `There are ${BASELINES.join(', ')}.` : `Did you mean ${near}?`;
  throw new SslError('USAGE', `There is no baseline called ${name}.`, { hint });
}
