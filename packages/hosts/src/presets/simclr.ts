import { scaleLinearly } from '@contrastive/core';
import type { SimclrOptions } from '../simclr.js';
import {
  type HostPreset,
  LIGHTLY_CIFAR,
  LIGHTLY_IMAGENET100,
  OFFICIAL_IMAGENET,
  plainLars,
  practical,
  rootLars,
  SOLO_CIFAR,
  SOLO_IMAGENET100,
  sgd,
  soloLars,
  wmseBenchmarks,
} from './preset.js';

export const SIMCLR_PRESETS: readonly HostPreset<SimclrOptions>[] = [
  {
    ...LIGHTLY_CIFAR,
    host: { hidden: 512, temperature: 0.5 },
    optimizer: sgd(scaleLinearly(0.06, 128, 128), 5e-4),
  },
  {
    ...SOLO_CIFAR,
    host: { head: 'solo', hidden: 2048, dim: 256, temperature: 0.2 },
    optimizer: soloLars(0.4, 1e-4, 256),
    recipe: 'soloSymmetric',
  },
  {
    ...SOLO_IMAGENET100,
    host: { head: 'solo', hidden: 4096, dim: 512, temperature: 0.2 },
    optimizer: soloLars(0.3, 1e-4, 128),
    recipe: 'soloSymmetric',
  },
  { ...LIGHTLY_IMAGENET100, host: {}, optimizer: plainLars(0.3, 1e-6, 256), recipe: 'simclr' },
  {
    ...OFFICIAL_IMAGENET,
    host: {},
    optimizer: plainLars(0.3, 1e-6, 4096),
    schedule: { kind: 'warmupCosine', warmupEpochs: 10, dialect: 'mocoV3' },
    ...{ recipe: 'simclr', batch: 4096, epochs: 1000 },
  },
  {
    ...OFFICIAL_IMAGENET,
    source: 'lightly',
    note: 'The original passes both views through the encoder as one batch.',
    host: {},
    optimizer: rootLars(0.075, 1e-6, 256),
    schedule: LIGHTLY_IMAGENET100.schedule,
    ...{ recipe: 'simclr', batch: 256, epochs: 100 },
  },
  ...wmseBenchmarks<SimclrOptions>((dim) => ({ head: 'wmse', hidden: 1024, dim, temperature: 0.5 })),
  ...practical<SimclrOptions>({ hidden: 512, temperature: 0.5 }, { base: 0.06, reference: 128 }),
];
