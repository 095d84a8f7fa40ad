import { scaleLinearly } from '@contrastive/core';
import { MOCO_CIFAR_DEMO, MOCO_V1, MOCO_V2_PLUS, type MocoOptions } from '../moco.js';
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

export const MOCO_PRESETS: readonly HostPreset<MocoOptions>[] = [
  {
    ...{ data: 'cifar', source: 'official', side: 32, normalization: 'cifar10', batch: 512, epochs: 200 },
    note: 'Also published for 400 and 800 epochs, and symmetric (loss sum). Without the shuffle 4 points lower at 800 epochs.',
    backbone: { name: 'resnet18', stem: 'cifar', splits: 8 },
    host: MOCO_CIFAR_DEMO,
    optimizer: sgd(0.06, 5e-4),
    schedule: { kind: 'cosine' },
    recipe: 'mocoCifarDemo',
  },
  {
    ...LIGHTLY_CIFAR,
    note: 'Keys are enqueued after both directions were scored; the original has its own key among the negatives of the second.',
    host: { temperature: 0.1, queueSize: 4096, loss: 'mean', momentum: { base: 0.99, kind: 'constant' } },
    optimizer: sgd(scaleLinearly(0.06, 128, 128), 5e-4),
  },
  {
    ...SOLO_CIFAR,
    host: { ...MOCO_V2_PLUS, queueSize: 32768 },
    optimizer: sgd(scaleLinearly(0.3, 256), 1e-4),
    recipe: 'soloSymmetricWeak',
  },
  {
    ...SOLO_IMAGENET100,
    host: { ...MOCO_V2_PLUS, queueSize: 65536 },
    optimizer: sgd(scaleLinearly(0.3, 128), 1e-4),
    recipe: 'soloSymmetricWeak',
  },
  {
    ...LIGHTLY_IMAGENET100,
    host: { temperature: 0.07 },
    optimizer: sgd(0.03, 1e-4),
    schedule: { kind: 'cosine' },
    recipe: 'mocoV2',
  },
  {
    ...OFFICIAL_IMAGENET,
    note: 'Version 1.',
    host: MOCO_V1,
    optimizer: sgd(0.03, 1e-4),
    schedule: { kind: 'steps', milestones: [120, 160] },
    ...{ recipe: 'mocoV1', batch: 256, epochs: 200 },
  },
  {
    ...OFFICIAL_IMAGENET,
    note: 'Version 2; also published for 800 epochs.',
    host: {},
    optimizer: sgd(0.03, 1e-4),
    schedule: { kind: 'cosine' },
    ...{ recipe: 'mocoV2', batch: 256, epochs: 200 },
  },
  ...practical<MocoOptions>(
    { temperature: 0.1, queueSize: 4096, momentum: { base: 0.99, kind: 'constant' } },
    { base: 0.03, reference: 256 },
  ),
];
