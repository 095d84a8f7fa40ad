import { hostInts, hostTensor, Rng, Trainer } from '@contrastive/core';
import { beforeAll, describe, expect, it } from 'vitest';
import { openBackend } from './backend.js';
import {
  makeBackbone,
  makeHost,
  makeMethod,
  makeOptimizer,
  makeRecipes,
  makeSchedule,
  names,
  normalizationOf,
} from './catalogue.js';
import { parseConfig } from './config.js';
import { defaultsFor } from './defaults.js';
import { recorders, stepLog } from './recording.js';

const [BATCH, SIDE] = [8, 16];
const noise = (name: string) => {
  const rng = Rng.create(1).fork(name);
  const data = Float32Array.from({ length: BATCH * SIDE * SIDE * 3 }, () => rng.normal());
  return hostTensor([BATCH, SIDE, SIDE, 3], data);
};

/** Small heads: what is recorded does not depend on their width. */
const HEADS: Readonly<Record<string, object>> = {
  ...{ moco: { dim: 16 }, mocoV3: { hidden: 32, dim: 16 }, simclr: { hidden: 32, dim: 16 } },
  ...{ simsiam: { dim: 16, predictorHidden: 8 }, byol: { hidden: 32, dim: 16 }, densecl: { hidden: 32, dim: 16 } },
  nnclr: { hidden: 32, predictorHidden: 32, dim: 16 },
};

/** What is kept of the second step of a run, which is recorded. */
async function recordedStep(host: string, methods: readonly string[] = []) {
  const config = parseConfig(
    {
      ...{ data: 'noise', batch: BATCH, side: SIDE, epochs: 1, host: { name: host, ...HEADS[host] }, methods },
      backbone: { name: 'resnet18', width: 0.0625 },
    },
    () => 'test',
  );
  const backbone = makeBackbone(config.backbone, SIDE);
  const defaults = defaultsFor(config, 64, backbone.channels);
  const optimizer = makeOptimizer(defaults.optimizer);
  const trainer = new Trainer({
    host: makeHost(defaults.host, backbone),
    plugins: [...defaults.methods.map(makeMethod), ...recorders()],
    ...{ optimizer, schedule: makeSchedule(optimizer.learningRate, defaults.schedule) },
    recipes: makeRecipes(defaults.recipe, normalizationOf(config.normalization)),
    ...{ batch: BATCH, side: SIDE, epochs: 1, stepsPerEpoch: 8, seed: 1 },
  });
  const ids = Int32Array.from({ length: BATCH }, (_, i) => i);
  const images = Object.fromEntries(Object.keys(trainer.plan).map((view) => [view, noise(view)]));
  const batch = { images, ids: hostInts(ids), labels: hostInts(ids.map((i) => i % 3)) };
  await trainer.step([batch]);
  const report = await trainer.step([batch], { record: true });
  const kept = stepLog({ ...report, stepMs: 1, waitMs: 1, progress: {} as never }, trainer, config, new Date(0));
  trainer.dispose();
  return kept;
}

const EVERY_RUN = [
  ...['loss', 'loss/global', 'learningRate', 'waitMs', 'imagesPerSecond', 'memoryMb', 'gradientNorm'],
  ...['pooled', 'embedding'].flatMap((of) =>
    ['std', 'spread', 'uniformity', 'effectiveRank'].map((name) => `representation/${of}/${name}`),
  ),
  ...['representation/alignment', 'representation/purity'],
];
const POSITIVE = ['posMean', 'posVar', 'expPos'];
const NEGATIVE = ['negMean', 'negVar', 'expNeg', 'pullMean', 'pullVar', 'pushMean', 'pushVar', 'hardestMean'];
const STAGES = ['raw', 'transformed'].map((stage) => `scores/global/${stage}`);
const WITH_NEGATIVES = ['moco', 'mocoV3', 'simclr', 'densecl', 'nnclr'];
const WITH_MOMENTUM = ['moco', 'mocoV3', 'byol', 'densecl'];
const WITH_QUEUE = ['moco', 'densecl', 'nnclr'];

// Whatever is fastest here.
beforeAll(() => openBackend({ backend: 'auto', mode: 'eager', precision: 'f32', threads: 1 }));

describe('a recorded step', () => {
  for (const host of names.hosts) {
    it(`over ${host} has every quantity, each a number`, async () => {
      const { line, arrays } = await recordedStep(host);
      const wanted = [
        ...EVERY_RUN,
        ...STAGES.flatMap((stage) => POSITIVE.map((name) => `${stage}/${name}`)),
        ...(WITH_NEGATIVES.includes(host) ? STAGES.flatMap((s) => NEGATIVE.map((name) => `${s}/${name}`)) : []),
        ...(WITH_MOMENTUM.includes(host) ? ['host/momentum'] : []),
        ...(WITH_QUEUE.includes(host) ? ['queueAge'] : []),
      ];
      expect(wanted.filter((name) => !Number.isFinite(line[name]))).toEqual([]);
      const sides = WITH_NEGATIVES.includes(host) ? ['pos', 'neg'] : ['pos'];
      for (const side of STAGES.flatMap((stage) => sides.map((s) => `${stage}/${s}`))) {
        expect(arrays[`${side}Histogram`]?.shape).toEqual([50]);
        expect(arrays[`${side}Quantiles`]?.shape).toEqual([5]);
      }
      const rows = arrays['scores/global/transformed/rows']!;
      expect(rows.shape[1]).toBe(5);
      expect(rows.shape[0]! % BATCH).toBe(0);
      expect(arrays['representation/embedding/spectrum']!.shape[0]).toBeLessThanOrEqual(128);
    });
  }

  it('with a method has the host’s own scores beside those that entered the loss', async () => {
    const { line, arrays } = await recordedStep('moco', ['ft']);
    const of = (stage: string) => line[`scores/global/${stage}/posMean`] as number;
    // Extrapolation makes positives harder.
    expect(of('transformed')).toBeLessThan(of('raw'));
    for (const stage of STAGES) expect(arrays[`${stage}/rows`]!.shape).toEqual([BATCH, 5]);
  });
});
