import { SslError, scaleLinearly } from '@contrastive/core';
import { presetsOf } from './catalogue.js';
import type { Part, RunConfig } from './config.js';

/** What a run needs besides its configuration's own fields; the configuration may say otherwise. */
export interface RecipeDefaults {
  readonly host: Part;
  readonly optimizer: Part;
  readonly schedule: Part;
  readonly recipe: string;
}

/**
 * Settings for small data on one machine, where the papers' own (made for ImageNet, or for 1,000 epochs) do not fit: the host's preset
 * `practical/cifar` (SGD with weight decay on everything, cosine per epoch, no blur; spec "hosts" section 10, last row) with the rate
 * scaled to the batch, a queue that fits the data, and heads no wider than the backbone calls for.
 */
export function defaultsFor(config: RunConfig, images: number): RecipeDefaults {
  const { host, methods, batch, accumulate } = config;
  const preset = presetsOf(host.name).find((p) => p.source === 'practical' && p.data === 'cifar');
  if (preset === undefined) throw new SslError('BAD_OPTION', `The host ${host.name} has no settings for small data.`);
  const { learningRate, ...optimizer } = preset.optimizer;
  const { kind, ...schedule } = preset.schedule;
  const defaults: RecipeDefaults = {
    host: { ...fitQueues(preset.host, images, batch), ...host },
    optimizer: { ...optimizer, learningRate: scaleLinearly(learningRate, batch * accumulate, preset.batch) },
    schedule: { name: kind, ...schedule },
    recipe: preset.recipe,
  };
  return methods.some((m) => m.name === 'wmse') ? { ...defaults, ...WMSE } : defaults;
}

/** W-MSE's own recipe (spec "wmse" section 3.3, for small networks): Adam, warm-up, colour before the crop. */
const WMSE = {
  optimizer: { name: 'adam', learningRate: 2e-3, weightDecay: 1e-6 },
  schedule: { name: 'warmupCosine', warmupEpochs: 1, dialect: 'lightly' },
  recipe: 'wmseSmall',
} as const;

/**
 * Queues and support sets of at most a quarter of the data, in whole batches: a longer one would hold older copies of the batch's own
 * images.
 */
function fitQueues(host: object, images: number, batch: number): Record<string, unknown> {
  const fitting = batch * Math.max(1, Math.floor(images / 4 / batch));
  return Object.fromEntries(
    Object.entries(host).map(([name, value]) => {
      const isQueue = name === 'queueSize' || name === 'supportSize';
      return [name, isQueue ? Math.min(batch * Math.max(1, Math.floor(value / batch)), fitting) : value];
    }),
  );
}

/**
 * A published recipe as configuration: everything that it sets, including backbone, batch and epochs.
 *
 * @param name `source/data`, for example `lightly/cifar` or `official/imagenet` (of several versions, the newest).
 * @throws SslError `BAD_OPTION` listing the host's presets.
 */
export function presetConfig(name: string, host: string): Record<string, unknown> {
  const presets = presetsOf(host);
  const preset = presets.findLast((p) => `${p.source}/${p.data}` === name);
  if (preset === undefined) {
    const known = [...new Set(presets.map((p) => `${p.source}/${p.data}`))].join(', ');
    throw new SslError('BAD_OPTION', `The host ${host} has no preset called ${name}.`, { hint: `It has ${known}.` });
  }
  const { backbone, side, optimizer, schedule, recipe, normalization, batch, epochs } = preset;
  const { kind, ...rest } = schedule;
  return {
    ...{ backbone, side, optimizer, recipe, normalization, batch, epochs },
    host: { name: host, ...preset.host },
    schedule: { name: kind, ...rest },
  };
}
