import { linear, Rng, scoreTerms, type Weights } from '@contrastive/core';
import { seededTensor, tinyBackbone } from '@contrastive/testing';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { feed } from '../test/feed.js';
import type { AnyHost } from '../test/hosts.js';
import { circle } from '../test/rows.js';
import { batchOf, trainerOf } from '../test/train.js';
import { type DenseclOptions, densecl, matchCells } from './densecl.js';
import { moco } from './moco.js';

const backbone = tinyBackbone();
const asMap = (rows: tf.Tensor2D) => tf.reshape(rows, [1, 1, ...rows.shape]) as tf.Tensor4D;
/** Weights of a bias-free layer that maps the given features to the given rows. */
const mapping = (features: tf.Tensor2D, rows: tf.Tensor2D): Weights => {
  const [[a, b], [c, d]] = features.arraySync() as [[number, number], [number, number]];
  const inverse = tf.div(tf.tensor2d([d, -b, -c, a], [2, 2]), a * d - b * c) as tf.Tensor2D;
  return { 'dense/kernel': tf.variable(tf.matMul(inverse, rows)) };
};

/** The example "DenseCL" of spec "hosts" section 14: one image of two cells. */
function worked() {
  const [features, keyFeatures] = [circle(0, 90), circle(80, 20)];
  const host: AnyHost = densecl({
    backbone: { ...backbone, channels: 2 },
    ...{ dim: 2, queueSize: 2, denseHead: linear(2, 2, { bias: false }) },
  });
  const state = host.init!(host.info({ batch: 1, side: 8 }), Rng.create(1));
  state['queue/dense']!.assign(circle(180, 270));
  const io = feed({
    online: { view1: { projection: circle(0), map: asMap(features) } },
    target: { view2: { projection: circle(0), map: asMap(keyFeatures) } },
    onlineWeights: mapping(features, circle(10, 70)),
    targetWeights: mapping(keyFeatures, circle(60, 15)),
    ...{ state, draws: { denseWeight: tf.scalar(0.25) } },
  });
  return { host, io, state };
}

describe('densecl', () => {
  it('gives the worked example of the spec', () => {
    const { host, io } = worked();
    expect(Array.from(matchCells(asMap(circle(0, 90)), asMap(circle(80, 20))).dataSync())).toEqual([1, 0]);
    const dense = scoreTerms(host.terms(io)).scored[1]!;
    expect(dense.term.name).toBe('dense');
    const losses = dense.comparisons[0]!.losses.dataSync();
    expect(losses[0]).toBeCloseTo(0.002928, 6);
    expect(losses[1]).toBeCloseTo(0.00138, 6);
    expect(dense.loss.dataSync()[0]).toBeCloseTo(0.002154, 6);
  });

  it('weighs the terms 1 − λ and λ', () => {
    const { host, io } = worked();
    const { total, scored } = scoreTerms(host.terms(io));
    const [whole, dense] = scored.map(({ loss }) => loss.dataSync()[0]!);
    expect(total.dataSync()[0]).toBeCloseTo(0.75 * whole! + 0.25 * dense!, 5);
  });

  it('enqueues one dense key an image: the mean of the raw outputs, made unit', () => {
    const { host, io, state } = worked();
    host.commit!(io);
    const [x, y] = (state['queue/dense']!.arraySync() as number[][])[0]!;
    expect(x).toBeCloseTo(0.793353, 5);
    expect(y).toBeCloseTo(0.608761, 5);
  });

  it('matches cells within their own image', () => {
    const map = seededTensor<tf.Rank.R4>([3, 2, 2, 5], 1);
    // A map matches itself cell by cell.
    expect(Array.from(matchCells(map, map).dataSync())).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
  });

  it('is MoCo v2 with λ = 0, bit for bit in what both have', async () => {
    const common = { backbone, dim: 4, hidden: 8, queueSize: 16 };
    const [own, plain] = [trainerOf(densecl({ ...common, denseWeight: 0 })), trainerOf(moco(common))];
    for (let i = 0; i < 3; i++) {
      const [a, b] = [await own.step([batchOf(i)]), await plain.step([batchOf(i)])];
      expect(a.metrics.loss).toBe(b.metrics.loss);
    }
    const [a, b] = [(await own.snapshot()).tensors, (await plain.snapshot()).tensors];
    for (const [path, { data }] of Object.entries(b)) {
      if (path.startsWith('online/') || path.startsWith('host/')) expect(a[path]!.data).toEqual(data);
    }
  });

  it('has no dense weight during its warm-up', () => {
    const weight = (options: Partial<DenseclOptions>, at: number) => {
      const host = densecl({ backbone, queueSize: 4, ...options });
      const step = { step: at, epoch: 1, epochs: 1, stepsPerEpoch: 100 };
      return host.draw!(Rng.create(1), step, host.info({ batch: 4, side: 8 })).denseWeight.data[0];
    };
    expect(weight({}, 0)).toBe(0.5);
    expect(weight({ warmupSteps: 10 }, 9)).toBe(0);
    expect(weight({ warmupSteps: 10 }, 10)).toBe(0.5);
  });

  it('averages the map to a smaller grid before the dense head', async () => {
    const fine = tinyBackbone({ stride: 2 }); // 4 × 4 cells of 8 pixels
    const rows = async (denseGrid?: number) => {
      const host: AnyHost = densecl({
        ...{ backbone: fine, dim: 4, hidden: 8, queueSize: 4 },
        ...(denseGrid && { denseGrid }),
      });
      let cells = 0;
      const probe = {
        ...host,
        terms: (io: Parameters<AnyHost['terms']>[0]) => {
          const terms = host.terms(io);
          cells = terms[1]!.comparisons[0]!.anchors.shape[0];
          return terms;
        },
      };
      const trainer = trainerOf(probe);
      await trainer.step([batchOf(1)]);
      trainer.dispose();
      return cells;
    };
    expect(await rows()).toBe(4 * 16);
    expect(await rows(2)).toBe(4 * 4);
  });

  it('refuses a grid that does not divide the map, queues that do not fit, and options out of range', () => {
    const info = { batch: 4, side: 8 };
    expect(() => densecl({ backbone, queueSize: 4, denseGrid: 3 }).info(info)).toThrow(
      /denseGrid is 3, but it must divide the backbone's grid of 2/,
    );
    expect(() => densecl({ backbone, queueSize: 6 }).info(info)).toThrow(/queueSize is 6/);
    expect(() => densecl({ backbone, denseWeight: 1.5, warmupSteps: -1, denseGrid: 0 })).toThrow(
      /warmupSteps.*\n.*denseWeight must be between 0 and 1.*\n.*denseGrid/,
    );
    expect(densecl({ backbone, queueSize: 4 }).info(info).negativeRows).toEqual({ global: 4, dense: 4 });
  });
});
