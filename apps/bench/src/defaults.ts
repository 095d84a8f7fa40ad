import { scaleLinearly } from '@contrastive/core';
import type { Part, RunConfig } from './config.js';

/** What a run needs besides its configuration's own fields; the configuration may say otherwise. */
export interface RecipeDefaults {
  readonly host: Part;
  readonly optimizer: Part;
  readonly schedule: Part;
  readonly recipe: string;
}

/**
 * Settings for small data on one machine, where the papers' own (made for ImageNet, or 1,000 epochs) do not fit: SGD with momentum 0.9 and
 * weight decay 5e-4 on everything, cosine per epoch, no warm-up, no blur, EMA momentum 0.99 (spec "hosts" section 10, last row). A published recipe
 * is chosen by naming optimiser, schedule and recipe in a configuration file.
 */
export function defaultsFor(
  { host, methods, batch, accumulate }: RunConfig,
  images: number,
  channels: number,
): RecipeDefaults {
  const global = batch * accumulate;
  const rate = (base: number, reference: number) => scaleLinearly(base, global, reference);
  const sgd = (learningRate: number): Part => ({ name: 'sgd', learningRate, momentum: 0.9, weightDecay: 5e-4 });
  const cosine: Part = { name: 'cosine' };
  const common = { schedule: cosine, recipe: 'lightlyCifar' };
  const queueSize = queueFor(images, batch);
  const constant = { base: 0.99, kind: 'constant' };
  const byHost: Readonly<Record<string, RecipeDefaults>> = {
    moco: {
      ...common,
      host: { name: 'moco', queueSize, temperature: 0.1, momentum: constant },
      optimizer: sgd(rate(0.06, 256)),
    },
    densecl: {
      ...common,
      host: { name: 'densecl', queueSize, temperature: 0.2, momentum: constant },
      optimizer: sgd(rate(0.06, 256)),
    },
    simclr: {
      ...common,
      host: { name: 'simclr', hidden: channels, temperature: 0.5 },
      optimizer: sgd(rate(0.06, 128)),
    },
    byol: { ...common, host: { name: 'byol', momentum: constant }, optimizer: sgd(rate(0.06, 128)) },
    nnclr: { ...common, host: { name: 'nnclr', queueSize }, optimizer: sgd(rate(0.06, 128)) },
    mocov3: { ...common, host: { name: 'mocov3' }, optimizer: sgd(rate(0.06, 128)) },
    simsiam: { ...common, host: { name: 'simsiam' }, optimizer: sgd(0.06) },
  };
  const defaults = byHost[host.name] ?? byHost.simclr!;
  const merged = { ...defaults, host: { ...(host.name === defaults.host.name ? defaults.host : {}), ...host } };
  return methods.some((m) => m.name === 'wmse') ? { ...merged, ...WMSE } : merged;
}

/** W-MSE's own recipe (spec "wmse" section 3.3, for small networks): Adam, warm-up, colour before the crop. */
const WMSE = {
  optimizer: { name: 'adam', learningRate: 2e-3, weightDecay: 1e-6 },
  schedule: { name: 'warmupCosine', warmupEpochs: 1, dialect: 'lightly' },
  recipe: 'wmseSmall',
} as const;

/** A quarter of the data, in whole batches, at most 4,096 keys: a longer queue would hold older copies of the batch's own images. */
function queueFor(images: number, batch: number): number {
  return batch * Math.max(1, Math.min(Math.floor(4096 / batch), Math.floor(images / 4 / batch)));
}
