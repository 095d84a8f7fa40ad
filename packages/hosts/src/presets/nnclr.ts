import { scaleLinearly } from '@contrastive/core';
import type { NnclrOptions } from '../nnclr.js';
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
} from './preset.js';

const SOLO = { temperature: 0.2, supportSize: 65536 } as const;

export const NNCLR_PRESETS: readonly HostPreset<NnclrOptions>[] = [
  {
    ...LIGHTLY_CIFAR,
    host: { temperature: 0.5, supportSize: 4096, contrast: 'ntXent' },
    optimizer: sgd(scaleLinearly(0.06, 128, 128), 5e-4),
  },
  { ...SOLO_CIFAR, host: SOLO, optimizer: soloLars(0.4, 1e-5, 256), recipe: 'soloAsymmetricCifar' },
  { ...SOLO_IMAGENET100, host: SOLO, optimizer: soloLars(0.4, 1e-5, 128), recipe: 'soloAsymmetricImagenet' },
  {
    ...LIGHTLY_IMAGENET100,
    host: { contrast: 'ntXent' },
    optimizer: plainLars(0.3, 1e-6, 256),
    recipe: 'byol',
  },
  {
    ...OFFICIAL_IMAGENET,
    note: 'From the paper; recalled, not re-checked.',
    host: {},
    optimizer: plainLars(0.3, 1e-6, 4096),
    schedule: { kind: 'warmupCosine', warmupEpochs: 10, dialect: 'mocoV3' },
    ...{ recipe: 'byol', batch: 4096, epochs: 1000 },
  },
  ...practical<NnclrOptions>({ temperature: 0.2, supportSize: 4096 }, { base: 0.06, reference: 128 }),
];
