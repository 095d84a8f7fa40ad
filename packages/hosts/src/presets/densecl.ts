import type { DenseclOptions } from '../densecl.js';
import { type HostPreset, OFFICIAL_IMAGENET, practical, sgd } from './preset.js';

export const DENSECL_PRESETS: readonly HostPreset<DenseclOptions>[] = [
  {
    ...OFFICIAL_IMAGENET,
    note: 'On COCO: rate 0.3, 800 epochs of 256.',
    backbone: { name: 'resnet50', stem: 'imagenet', convInit: 'fanIn' },
    host: {},
    optimizer: sgd(0.03, 1e-4),
    schedule: { kind: 'cosine' },
    ...{ recipe: 'mocoV2', batch: 256, epochs: 200 },
  },
  ...practical<DenseclOptions>(
    { queueSize: 4096, momentum: { base: 0.99, kind: 'constant' } },
    { base: 0.03, reference: 256 },
  ),
];
