import { recipes } from '@contrastive/augment';
import type { Runtime } from '@contrastive/core';
import { nearest, SslError } from '@contrastive/core';
import {
  countClasses,
  defaultK,
  evaluateProbe,
  fitLogistic,
  fitRidge,
  lowShotSvm,
  nearestClassMean,
  oneVsRest,
  PROBE_RECIPES,
  plainKnn,
  SEMI_SUPERVISED,
  scoreClassifier,
  sweepLogistic,
  weightedKnn,
} from '@contrastive/evaluate';
import type { EvaluationSets } from './open-sets.js';
import { representation } from './representation.js';
import { accuracyRows, type Measured, meanRow } from './result.js';
import { labelledFeatures, type Subject } from './subject.js';
import { fineTuned, semiSupervised } from './trained.js';

/** What every protocol works with. */
export interface ProtocolContext {
  readonly subject: Subject;
  readonly sets: EvaluationSets;
  readonly runtime: Runtime;
  readonly seed: number;
  /** Neighbours; default 20 for a bank below 10,000, else 200. */
  readonly k?: number | undefined;
  /** Default: 0.1 and 0.07. */
  readonly temperature?: number | undefined;
  /** Replaces the epochs of probes and fine-tuning: another protocol, whose name says so. */
  readonly epochs?: number | undefined;
  /** Keeps a text file beside the results; missing where results are only printed. */
  readonly keep?: ((name: string, text: string) => void) | undefined;
  readonly say: (line: string) => void;
}

interface Protocol {
  readonly needsLabels: boolean;
  /** Trains or augments images, so it needs a network. */
  readonly needsNetwork: boolean;
  /** What may stand behind the colon: `linear:moco`. */
  readonly variants: readonly string[];
  readonly about: string;
  run(context: ProtocolContext, variant: string | undefined): Promise<Measured[]>;
}

const probes = Object.keys(PROBE_RECIPES) as (keyof typeof PROBE_RECIPES)[];
const onFeatures = { needsLabels: true, needsNetwork: false, variants: [] };

async function banks({ subject, sets }: ProtocolContext) {
  const bank = await labelledFeatures(subject, sets.train);
  return { bank, test: await labelledFeatures(subject, sets.test!) };
}

const PROTOCOLS: Readonly<Record<string, Protocol>> = {
  knn: {
    ...onFeatures,
    about: 'weighted kNN, cosine',
    run: async (context) => {
      const { bank, test } = await banks(context);
      const { k = defaultK(bank.rows), temperature } = context;
      const note = k > bank.rows ? `K ${k} is larger than the bank: all ${bank.rows} are neighbours` : undefined;
      const settings = { k: [k], temperature: temperature === undefined ? [0.1, 0.07] : [temperature] };
      return (await weightedKnn(bank, test, settings)).flatMap((r) => accuracyRows(r.protocol, r, note));
    },
  },
  'plain-knn': {
    ...onFeatures,
    about: '5-NN, Euclidean, majority (W-MSE)',
    run: async (context) => {
      const { bank, test } = await banks(context);
      const result = await plainKnn(bank, test);
      const note = bank.rows < 5 ? `K 5 is larger than the bank: all ${bank.rows} are neighbours` : undefined;
      return accuracyRows(result.protocol, { top1: result.top1, top5: undefined }, note);
    },
  },
  linear: {
    ...onFeatures,
    variants: probes,
    about: 'linear probe on cached features; default: light (Adam, 100 epochs)',
    run: async (context, variant = 'light') => {
      const { bank, test } = await banks(context);
      return probe(context, variant, 'cached features', bank, test);
    },
  },
  'linear-augmented': {
    ...onFeatures,
    needsNetwork: true,
    variants: probes,
    about: 'linear probe on features of augmented views, new ones every epoch; default: moco',
    run: async (context, variant = 'moco') => {
      const { subject, sets } = context;
      const { mean, std } = subject.encoder!.meta;
      const views = recipes.probe({ normalization: { mean, std } });
      const labels = sets.train.labels!;
      const source = async (epoch: number) => ({ ...(await subject.augmented(sets.train, views, epoch)), labels });
      return probe(context, variant, 'augmented', source, (await banks(context)).test);
    },
  },
  logistic: {
    ...onFeatures,
    about: 'logistic regression by L-BFGS, C = 1',
    run: async (context) => {
      const { bank, test } = await banks(context);
      const fit = await fitLogistic(bank);
      const note = fit.converged ? undefined : `stopped after ${fit.iterations} iterations`;
      return accuracyRows('logistic regression, C=1', await scoreClassifier(fit, test), note);
    },
  },
  'logistic-sweep': {
    ...onFeatures,
    about: 'as logistic, C chosen on a fifth of the training images',
    run: async (context) => {
      const { bank, test } = await banks(context);
      const { fit } = await sweepLogistic(bank);
      return accuracyRows('logistic regression, C by hold-out', await scoreClassifier(fit, test), `C = ${fit.C}`);
    },
  },
  ridge: {
    ...onFeatures,
    about: 'ridge classifier, a quick probe',
    run: async (context) => {
      const { bank, test } = await banks(context);
      return accuracyRows('ridge classifier (quick)', await scoreClassifier(await fitRidge(bank), test));
    },
  },
  'class-mean': {
    ...onFeatures,
    about: 'nearest class mean, cosine, a quick probe',
    run: async (context) => {
      const { bank, test } = await banks(context);
      return accuracyRows('nearest class mean (quick)', await scoreClassifier(await nearestClassMean(bank), test));
    },
  },
  svm: {
    ...onFeatures,
    variants: ['full'],
    about: 'low-shot one-vs-rest SVM, mAP (ReCo); svm:full trains on all labels',
    run: svm,
  },
  semi: {
    needsLabels: true,
    needsNetwork: true,
    variants: Object.keys(SEMI_SUPERVISED),
    about: 'fine-tuning on 1 % and 10 % of the labels, with both baselines; default: light',
    run: semiSupervised,
  },
  finetune: {
    needsLabels: true,
    needsNetwork: true,
    variants: ['lightly', 'vitMocoV3', 'vitMae'],
    about: 'fine-tuning of all layers on all labels; default: lightly',
    run: fineTuned,
  },
  metrics: {
    needsLabels: false,
    needsNetwork: false,
    variants: [],
    about: 'alignment, uniformity, RankMe, effective rank, LiDAR, …; needs no labels',
    run: representation,
  },
};

/** For the help text. */
export const protocolNames = Object.keys(PROTOCOLS);
export const protocolHelp = Object.entries(PROTOCOLS)
  .map(
    ([name, { about, variants }]) =>
      `  ${name.padEnd(17)} ${about}${variants.length > 1 ? `; ${variants.join(', ')}` : ''}`,
  )
  .join('\n');

export interface RequestedProtocol {
  /** As it was asked for: `linear:moco`. */
  readonly name: string;
  readonly needsLabels: boolean;
  readonly needsNetwork: boolean;
  run(context: ProtocolContext): Promise<Measured[]>;
}

/** @param name `knn`, or with a variant `linear:moco`. @throws SslError `USAGE` that suggests the nearest. */
export function protocolOf(name: string): RequestedProtocol {
  const [base = '', variant] = name.split(':');
  const protocol = PROTOCOLS[base];
  if (protocol === undefined) throw unknown('protocol', base, protocolNames);
  if (variant !== undefined && !protocol.variants.includes(variant)) {
    if (protocol.variants.length === 0) throw new SslError('USAGE', `The protocol ${base} has no variants (${name}).`);
    throw unknown(`variant of ${base}`, variant, protocol.variants);
  }
  const { needsLabels, needsNetwork, run } = protocol;
  return { name, needsLabels, needsNetwork, run: (context) => run(context, variant) };
}

function unknown(kind: string, name: string, known: readonly string[]): SslError {
  const near = nearest(name, known);
  const hint = near === undefined ? `There are ${known.join(', ')}.` : `Did you mean ${near}?`;
  return new SslError('USAGE', `There is no ${kind} called ${name}.`, { hint });
}

async function probe(
  { seed, epochs }: ProtocolContext,
  variant: string,
  form: string,
  source: Parameters<typeof evaluateProbe>[0],
  test: Parameters<typeof evaluateProbe>[1],
): Promise<Measured[]> {
  const recipe = PROBE_RECIPES[variant as keyof typeof PROBE_RECIPES];
  const score = await evaluateProbe(source, test, recipe, { seed, epochs });
  const { fit } = score;
  const shortened = fit.epochs === recipe.epochs ? '' : `, ${fit.epochs} epochs`;
  return accuracyRows(
    `${recipe.name}${shortened}, ${form}`,
    score,
    `last epoch, rate ${fit.learningRate}, seed ${seed}`,
  );
}

const SHOTS = [1, 2, 4, 8, 16];

async function svm(context: ProtocolContext, variant?: string): Promise<Measured[]> {
  const { bank, test } = await banks(context);
  const classes = countClasses(bank.labels);
  const [train, held] = [oneVsRest(bank, classes), oneVsRest(test, classes)];
  if (variant === 'full') {
    const [result] = await lowShotSvm(train, held, { shots: ['full'] });
    return [meanRow('SVM on all labels, C=0.5', 'mAP', result!.map, 'draws')];
  }
  const sizes = new Int32Array(classes);
  for (const label of bank.labels) sizes[label]!++;
  const smallest = sizes.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
  const shots = SHOTS.filter((k) => k <= smallest);
  const note = shots.length === SHOTS.length ? undefined : `a class has ${smallest} images: no more shots`;
  const results = await lowShotSvm(train, held, { shots, seed: context.seed });
  return results.map(({ shots: k, map }) => meanRow(`low-shot SVM, ${k} a class, C=0.5`, 'mAP', map, 'draws', note));
}
