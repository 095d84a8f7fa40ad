import { NORMALIZATIONS, recipes } from '@contrastive/augment';
import { resnet18, resnet50, vitSmall } from '@contrastive/backbones';
import { adam, adamW, type Host, type HostTensors, lars, rateSchedule, type State, sgd } from '@contrastive/core';
import { describe, expect, it } from 'vitest';
import { byol, densecl, moco, mocoV3, nnclr, simclr, simsiam } from '../index.js';
import {
  BYOL_PRESETS,
  DENSECL_PRESETS,
  type HostPreset,
  MOCO_PRESETS,
  MOCO_V3_PRESETS,
  NNCLR_PRESETS,
  SIMCLR_PRESETS,
  SIMSIAM_PRESETS,
} from './index.js';

const BACKBONES = { resnet18, resnet50, vitSmall };
const OPTIMIZERS = { sgd, lars, adam, adamW };
type AnyOptions = never;
const HOSTS: Record<string, [(o: AnyOptions) => Host<HostTensors, State>, readonly HostPreset<object>[]]> = {
  moco: [moco, MOCO_PRESETS],
  mocoV3: [mocoV3, MOCO_V3_PRESETS],
  simclr: [simclr, SIMCLR_PRESETS],
  simsiam: [simsiam, SIMSIAM_PRESETS],
  byol: [byol, BYOL_PRESETS],
  densecl: [densecl, DENSECL_PRESETS],
  nnclr: [nnclr, NNCLR_PRESETS],
};
const cases = Object.entries(HOSTS).flatMap(([name, [create, presets]]) =>
  presets.map((preset, i) => [`${name} ${i}: ${preset.data}, ${preset.source}`, create, preset] as const),
);

describe('presets', () => {
  it.each(cases)('%s can be built and fits its batch and side', (_name, create, preset) => {
    const { name, ...backboneOptions } = preset.backbone;
    const backbone = BACKBONES[name](backboneOptions);
    const host = create({ ...preset.host, backbone } as AnyOptions);
    const { batch, side } = preset;
    expect(host.info({ batch, side })).toMatchObject({ batch, side, channels: backbone.channels });
    const { name: optimizer, ...options } = preset.optimizer;
    expect(OPTIMIZERS[optimizer](options).learningRate).toBe(preset.optimizer.learningRate);
    const schedule = rateSchedule(preset.optimizer.learningRate, preset.schedule);
    const middle = schedule({ step: 500, epoch: preset.epochs / 2, epochs: preset.epochs, stepsPerEpoch: 10 });
    expect(middle).toBeGreaterThan(0);
    expect(Object.keys(recipes)).toContain(preset.recipe);
    expect(Object.keys(NORMALIZATIONS)).toContain(preset.normalization);
    expect(JSON.parse(JSON.stringify(preset))).toEqual(preset);
  });

  it.each(Object.entries(HOSTS))('%s has practical ones for the three small data sets', (_name, [, presets]) => {
    const own = presets.filter((p) => p.source === 'practical').map((p) => p.data);
    expect(own).toEqual(['cifar', 'stl', 'tiny']);
  });
});
