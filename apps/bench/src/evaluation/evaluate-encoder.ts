import { type Runtime, SslError } from '@contrastive/core';
import { FINE_TUNE_RECIPES } from '@contrastive/evaluate';
import { disposeEncoder, type EncoderMeta, type LoadedEncoder } from '../encoder-file.js';
import { FeatureCache } from './feature-cache.js';
import type { EvaluationSets } from './open-sets.js';
import { pixelSubject } from './pixel-pca.js';
import { type ProtocolContext, protocolOf, type RequestedProtocol } from './protocols.js';
import { accuracyRows, type ResultRow } from './result.js';
import { encoderSubject, type Subject, untrained } from './subject.js';
import { scoreOn, trainOn } from './trained.js';

/** What a trained encoder is compared with (spec "evaluation" section 10). */
export const BASELINES = ['random', 'pixels', 'supervised'] as const;
export type Baseline = (typeof BASELINES)[number];

/** Run where nothing else is asked for. */
export const DEFAULT_PROTOCOLS = ['knn', 'linear', 'logistic', 'metrics'] as const;

export interface EvaluateOptions extends Omit<ProtocolContext, 'subject'> {
  readonly encoder: LoadedEncoder;
  /** SHA-256 of its file. */
  readonly hash: string;
  /** Name of its rows. Default `trained`. */
  readonly name?: string;
  readonly protocols: readonly string[];
  readonly baselines: readonly Baseline[];
  /** Epochs of the supervised baseline; default its recipe's. */
  readonly supervisedEpochs?: number | undefined;
  /** Folder of cached features; `undefined`: none. */
  readonly cache: string | undefined;
  /** A passing state, for progress. */
  readonly status: (text: string) => void;
  /** After each protocol, so that what is done is kept if a later one fails. */
  readonly onRows?: (rows: readonly ResultRow[]) => void;
}

/**
 * Protocols to run: those that were asked for; by default those that fit the data.
 *
 * @throws SslError `DATA` if one that was asked for needs labels that are missing; `USAGE` on unknown names.
 */
export function chooseProtocols(
  asked: readonly string[] | undefined,
  sets: EvaluationSets,
  data: string,
): readonly string[] {
  const wanted = (asked ?? DEFAULT_PROTOCOLS).map(protocolOf);
  if (sets.test !== undefined) return wanted.map((p) => p.name);
  const needing = wanted.filter((p) => p.needsLabels).map((p) => p.name);
  if (asked !== undefined && needing.length > 0) {
    throw new SslError('DATA', `${data} has no labels of at least two classes, which ${needing.join(', ')} need.`, {
      hint: 'Give class folders, or a CSV file of path,label rows by --labels; --protocols metrics needs none.',
    });
  }
  return wanted.filter((p) => !p.needsLabels).map((p) => p.name);
}

/** Runs the protocols on an encoder and on its baselines. */
export async function evaluateEncoder(options: EvaluateOptions): Promise<ResultRow[]> {
  const protocols = options.protocols.map(protocolOf);
  const rows = await evaluateSubject(options, protocols, trainedSubject(options));
  for (const baseline of options.baselines) {
    options.say(`Baseline: ${baseline}`);
    rows.push(...(await BASELINE[baseline](options, protocols)));
  }
  return rows;
}

type Run = (options: EvaluateOptions, protocols: readonly RequestedProtocol[]) => Promise<ResultRow[]>;

const BASELINE: Readonly<Record<Baseline, Run>> = {
  random: async (options, protocols) => {
    const { encoder, hash } = untrained(options.encoder, options.seed);
    try {
      return await evaluateSubject(options, protocols, networkSubject(options, 'random initialisation', encoder, hash));
    } finally {
      disposeEncoder(encoder);
    }
  },
  pixels: async (options, protocols) => {
    const meta: EncoderMeta = options.encoder.meta;
    return evaluateSubject(options, protocols, await pixelSubject(meta, options.sets.train));
  },
  supervised,
};

/** The same network trained on the labels from scratch: its own accuracy, and its features under the protocols. */
async function supervised(options: EvaluateOptions, protocols: readonly RequestedProtocol[]): Promise<ResultRow[]> {
  const { sets, encoder, supervisedEpochs } = options;
  if (sets.test === undefined) throw new SslError('DATA', 'The supervised baseline needs labels.');
  const recipe = FINE_TUNE_RECIPES.supervised;
  const context = { ...options, epochs: supervisedEpochs };
  const network = await trainOn(context, encoder, undefined, sets.train, recipe);
  try {
    const weights = await network.encoder();
    const name = `supervised, ${supervisedEpochs ?? recipe.epochs} epochs`;
    const own = accuracyRows('supervised training, own head', await scoreOn(network, encoder, sets.test), 'last epoch');
    const rows: ResultRow[] = own.map((row) => ({ encoder: name, protocol: 'supervised', ...row }));
    options.onRows?.(rows);
    const subject = networkSubject(options, name, { ...encoder, weights, path: name }, undefined);
    return [...rows, ...(await evaluateSubject(options, protocols, subject))];
  } finally {
    network.dispose();
  }
}

const trainedSubject = (options: EvaluateOptions): Subject =>
  networkSubject(options, options.name ?? 'trained', options.encoder, options.hash);

function networkSubject(
  options: EvaluateOptions,
  name: string,
  encoder: LoadedEncoder,
  hash: string | undefined,
): Subject {
  const { runtime, say, status }: { runtime: Runtime; say: (l: string) => void; status: (t: string) => void } = options;
  const cache = new FeatureCache(options.cache, say);
  const onProgress = (done: number, total: number) => status(`features of ${name}  ${done}/${total}`);
  return encoderSubject({ name, encoder, hash, runtime, cache, onProgress });
}

async function evaluateSubject(
  options: EvaluateOptions,
  protocols: readonly RequestedProtocol[],
  subject: Subject,
): Promise<ResultRow[]> {
  const rows: ResultRow[] = [];
  try {
    for (const protocol of protocols) {
      if (protocol.needsNetwork && subject.encoder === undefined) continue;
      options.status(`${subject.name}: ${protocol.name}`);
      const measured = await protocol.run({ ...options, subject });
      const done = measured.map((row) => ({ encoder: subject.name, protocol: protocol.name, ...row }));
      rows.push(...done);
      options.onRows?.(done);
    }
    return rows;
  } finally {
    subject.dispose();
  }
}
