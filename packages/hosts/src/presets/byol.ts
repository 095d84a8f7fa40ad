import { scaleLinearly } from '@contrastive/core';
import type { ByolOptions } from '../byol.js';
import {
  type HostPreset,
  LIGHTLY_CIFAR,
  LIGHTLY_IMAGENET100,
  OFFICIAL_IMAGENET,
  plainLars,
  practical,
  SOLO_CIFAR,
  SOLO_IMAGENET100,
  sgd,
  soloLars,
  wmseBenchmarks,
} from './preset.js';

const LIGHTLY_HEADS = { hiddenBias: false, emaPlacement: 'before' } as const;
const constant = { base: 0.99, kind: 'constant' } as const;

export const BYOL_PRESETS: readonly HostPreset<ByolOptions>[] = [
  {
    ...LIGHTLY_CIFAR,
    host: { ...LIGHTLY_HEADS, hidden: 1024, loss: 'halfCosine', momentum: constant },
    optimizer: sgd(scaleLinearly(0.06, 128, 128), 5e-4),
  },
  { ...SOLO_CIFAR, host: {}, optimizer: soloLars(1, 1e-5, 256), recipe: 'soloAsymmetricCifar' },
  {
    ...SOLO_IMAGENET100,
    host: { predictorHidden: 8192 },
    optimizer: soloLars(0.5, 1e-6, 128),
    recipe: 'soloAsymmetricImagenet',
  },
  {
    ...LIGHTLY_IMAGENET100,
    host: { ...LIGHTLY_HEADS, loss: 'cosine', momentum: { base: 0.99, final: 1, kind: 'cosineLightly' } },
    optimizer: plainLars(0.2, 1.5e-6, 256),
    recipe: 'byol',
  },
  {
    ...OFFICIAL_IMAGENET,
    note: '100 epochs with base rate 0.45; 1000 epochs with 0.2, momentum from 0.996 and decay 1.5e-6.',
    host: {},
    optimizer: { ...plainLars(0.3, 1e-6, 4096), dialect: 'openSelfSup' },
    schedule: { kind: 'warmupCosine', warmupEpochs: 10, dialect: 'mocoV3' },
    ...{ recipe: 'byol', batch: 4096, epochs: 300 },
  },
  ...wmseBenchmarks<ByolOptions>((dim) => ({ hidden: 1024, dim })),
  ...practical<ByolOptions>({ hidden: 1024, momentum: constant }, { base: 0.06, reference: 128 }),
];
