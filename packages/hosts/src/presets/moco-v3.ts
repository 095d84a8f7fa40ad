import { scaleLinearly } from '@contrastive/core';
import type { MocoV3Options } from '../moco-v3.js';
import { type HostPreset, OFFICIAL_IMAGENET, practical, SOLO_CIFAR, SOLO_IMAGENET100, soloLars } from './preset.js';

export const MOCO_V3_PRESETS: readonly HostPreset<MocoV3Options>[] = [
  {
    ...SOLO_CIFAR,
    host: { emaPlacement: 'after' },
    optimizer: soloLars(0.3, 1e-6, 256),
    recipe: 'soloAsymmetricCifar',
  },
  {
    ...SOLO_IMAGENET100,
    host: { emaPlacement: 'after' },
    optimizer: soloLars(0.3, 1e-6, 128),
    recipe: 'soloAsymmetricImagenet',
  },
  {
    ...OFFICIAL_IMAGENET,
    note: 'ResNet-50; 100 epochs with base rate 0.6, 1000 epochs with momentum from 0.996 and decay 1.5e-6. The official crop is 0.2 to 1.',
    host: { temperature: 1 },
    optimizer: { name: 'lars', dialect: 'mocoV3', learningRate: scaleLinearly(0.3, 4096), weightDecay: 1e-6 },
    schedule: { kind: 'warmupCosine', warmupEpochs: 10, dialect: 'mocoV3' },
    ...{ recipe: 'mocoV3', batch: 4096, epochs: 300 },
  },
  {
    ...OFFICIAL_IMAGENET,
    note: 'ViT-S/16 with 12 heads and frozen patch projection.',
    backbone: { name: 'vitSmall', patch: 16 },
    host: { heads: 'vit' },
    optimizer: { name: 'adamW', learningRate: scaleLinearly(1.5e-4, 4096), weightDecay: 0.1 },
    schedule: { kind: 'warmupCosine', warmupEpochs: 40, dialect: 'mocoV3' },
    ...{ recipe: 'mocoV3', batch: 4096, epochs: 300 },
  },
  ...practical<MocoV3Options>(
    { hidden: 2048, momentum: { base: 0.99, kind: 'constant' } },
    { base: 0.06, reference: 128 },
  ),
];
