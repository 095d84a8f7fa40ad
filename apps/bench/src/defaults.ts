import { SslError, scaleLinearly } from '@contrastive/core';
import { presetsOf } from './catalogue.js';
import type { Part, RunConfig } from './config.js';

/** What a run needs besides its configuration's own fields; the configuration may say otherwise. */
export interface RecipeDefaults {
  readonly host: Part;
  readonly methods: readonly Part[];
  readonly optimizer: Part;
  readonly schedule: Part;
  readonly recipe: string;
}

/**
 * Settings for small data on one machine, where the papers' own (made for ImageNet, or for 1,000 epochs) do not fit: the host's preset
 * `practical/cifar` (SGD with weight decay on everything, cosine per epoch, no blur; spec "hosts" section 10, last row) with the rate
 * scaled to the batch, and queues and banks that fit the data.
 */
export function defaultsFor(config: RunConfig, images: number, channels: number): RecipeDefaults {
  const { batch, accumulate } = config;
  const preset = presetsOf(config.host.name).find((p) => p.source === 'practical' && p.data === 'cifar');
  if (preset === undefined) {
    throw new SslError('BAD_OPTION', `The host ${config.host.name} has no settings for small data.`);
  }
  const { learningRate, ...optimizer } = preset.optimizer;
  const { kind, ...schedule } = preset.schedule;
  const queue = queueFor(images, batch);
  const host: Part = { ...withQueues(preset.host, queue), ...config.host };
  const common = {
    optimizer: { ...optimizer, learningRate: scaleLinearly(learningRate, batch * accumulate, preset.batch) },
    schedule: { name: kind, ...schedule },
    recipe: preset.recipe,
  };
  const methods = config.methods.map((method) => ({ ...bankOf(method, host, queue), ...method }));
  const defaults: RecipeDefaults = { ...common, host, methods };
  return methods.some((m) => m.name === 'wmse') ? forWmse(defaults, batch, channels) : defaults;
}

/** A quarter of the data in whole batches, at most 4,096 rows: a longer queue would hold older copies of the batch's own images. */
const queueFor = (images: number, batch: number): number =>
  batch * Math.max(1, Math.min(Math.floor(4096 / batch), Math.floor(images / 4 / batch)));

/** A preset's options with its queue or support set cut to `queue` rows. */
const withQueues = (host: object, queue: number): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(host).map(([name, value]) => [name, name === 'queueSize' || name === 'supportSize' ? queue : value]),
  );

/**
 * Options of methods with a bank (specs "reco" section 3.3 and "snclr" section 2.3). Over a host with a queue, ReCo starts with the second
 * epoch: while the queue is random, which is a large part of a small epoch, its interpolation term drives all embeddings together.
 */
function bankOf({ name }: Part, host: Part, queue: number): Record<string, unknown> {
  if (name === 'snclr') return { bankSize: queue, neighbours: Math.min(30, queue), excludeSelf: true };
  if (name === 'reco') return host.queueSize === undefined ? { bankSize: queue } : { startEpoch: 1 };
  return {};
}

/**
 * W-MSE's own recipe for small networks (spec "wmse" section 3.3): Adam, warm-up, colour before the crop; and the largest embedding up to
 * its 64 of which twice as many rows divide the batch, and that half the encoder's channels can span (more cannot be whitened).
 */
function forWmse(defaults: RecipeDefaults, batch: number, channels: number): RecipeDefaults {
  let dim = 64;
  while (dim > 2 && (batch % (2 * dim) !== 0 || 2 * dim > channels)) dim /= 2;
  return {
    ...defaults,
    host: { dim, ...defaults.host },
    optimizer: { name: 'adam', learningRate: 2e-3, weightDecay: 1e-6 },
    schedule: { name: 'warmupCosine', warmupEpochs: 1, dialect: 'lightly' },
    recipe: 'wmseSmall',
  };
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
