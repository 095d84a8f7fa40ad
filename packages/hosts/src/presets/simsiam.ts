import { scaleLinearly } from '@contrastive/core';
import type { SimsiamOptions } from '../simsiam.js';
import {
  type HostPreset,
  LIGHTLY_CIFAR,
  LIGHTLY_IMAGENET100,
  OFFICIAL_IMAGENET,
  practical,
  SOLO_CIFAR,
  SOLO_IMAGENET100,
  sgd,
} from './preset.js';

const CIFAR_HEADS = { layers: 2, hidden: 2048, lastNorm: 'affine' } as const;

export const SIMSIAM_PRESETS: readonly HostPreset<SimsiamOptions>[] = [
  {
    ...{ data: 'cifar', source: 'official', side: 32, normalization: 'cifar10', batch: 512, epochs: 800 },
    note: 'From the paper; recalled, not re-checked.',
    backbone: { name: 'resnet18', stem: 'cifar', zeroInitResidual: true },
    host: { layers: 2, hidden: 2048 },
    optimizer: sgd(scaleLinearly(0.03, 512), 5e-4),
    schedule: { kind: 'cosine' },
    recipe: 'mocoCifarDemo',
  },
  {
    ...LIGHTLY_CIFAR,
    note: 'The rate is not scaled with the batch.',
    host: CIFAR_HEADS,
    optimizer: sgd(0.06, 5e-4),
  },
  {
    ...SOLO_CIFAR,
    host: { hidden: 2048 },
    optimizer: sgd(scaleLinearly(0.5, 256), 1e-5),
    recipe: 'soloSymmetricWeak',
  },
  {
    ...SOLO_IMAGENET100,
    host: { hidden: 2048 },
    optimizer: sgd(scaleLinearly(0.5, 128), 1e-5),
    recipe: 'soloAsymmetricImagenet',
  },
  {
    ...LIGHTLY_IMAGENET100,
    host: {},
    optimizer: sgd(scaleLinearly(0.05, 256), 1e-4),
    schedule: { kind: 'cosine' },
    recipe: 'mocoV2',
  },
  {
    ...OFFICIAL_IMAGENET,
    backbone: { name: 'resnet50', stem: 'imagenet', zeroInitResidual: true },
    host: {},
    optimizer: sgd(scaleLinearly(0.05, 512), 1e-4),
    schedule: { kind: 'cosine' },
    ...{ recipe: 'mocoV2', batch: 512, epochs: 100 },
  },
  ...practical<SimsiamOptions>(CIFAR_HEADS, { base: 0.06 }),
];
