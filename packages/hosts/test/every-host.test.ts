import { Rng, type ViewRecipe } from '@contrastive/core';
import { expectGradients, seededTensor } from '@contrastive/testing';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { byol, densecl, moco, mocoV3, nnclr, simclr, simsiam } from '../src/index.js';
import { type FedViews, feed, lossOf } from './feed.js';
import { type AnyHost, HOSTS } from './hosts.js';

const recipe: ViewRecipe = { name: 'plain', steps: [], mean: [0, 0, 0], std: [1, 1, 1] };
const rows = (seed: number) => seededTensor<tf.Rank.R2>([4, 4], seed);
// DenseCL's second loss needs weights: its own tests cover it.
const FED = Object.entries(HOSTS).filter(([name]) => name !== 'densecl');

/** Loss from raw outputs: online ones of both views, and the target's, scaled by given factors. */
function lossOfRows(host: AnyHost, online: readonly tf.Tensor[], factor = 1): tf.Scalar {
  const state = host.init?.(host.info({ batch: 4, side: 8 }), Rng.create(3)) ?? {};
  const target: FedViews = {
    view1: { projection: tf.mul(rows(11), factor) },
    view2: { projection: tf.mul(rows(12), factor) },
  };
  const hasPredictor = host.networks.predictor !== undefined;
  const [view1, view2] = online.map((x) => tf.mul(x, factor) as tf.Tensor2D);
  const fed = (x: tf.Tensor2D, z: tf.Tensor2D) => (hasPredictor ? { projection: z, prediction: x } : { projection: x });
  return lossOf(host, {
    online: { view1: fed(view1!, target.view1!.projection), view2: fed(view2!, target.view2!.projection) },
    ...{ target, state },
  });
}

describe.each(FED)('%s', (_name, create) => {
  it('has the same loss for embeddings of any length', () => {
    const online = [rows(1), rows(2)];
    const [plain, scaled] = [lossOfRows(create(), online), lossOfRows(create(), online, 3.7)];
    expect(scaled.dataSync()[0]).toBeCloseTo(plain.dataSync()[0]!, 4);
  });

  it('has the gradient that finite differences have', () => {
    const host = create();
    const f = (...online: tf.Tensor[]) => lossOfRows(host, online);
    const isOneWay = host.info({ batch: 4, side: 8 }).anchorViews.length === 1;
    if (isOneWay) expectGradients((x) => f(x, rows(2)), [rows(1)], { rel: 2e-2 });
    else expectGradients(f, [rows(1), rows(2)], { rel: 2e-2 });
  });

  it('names a head whose size is not dim', () => {
    const online = Object.fromEntries(
      ['view1', 'view2'].map((v) => [v, { projection: tf.ones([4, 3]) as tf.Tensor2D }]),
    );
    expect(() => create().terms(feed({ online, state: {} }))).toThrow(/the projector gives rows of 3, but dim is 4/);
  });
});

describe.each(Object.entries(HOSTS))('%s', (_name, create) => {
  it('takes one recipe for both views, or two', () => {
    const other = { ...recipe, name: 'other' };
    expect(create().views([recipe])).toEqual({ view1: recipe, view2: recipe });
    expect(create().views([recipe, other])).toEqual({ view1: recipe, view2: other });
    expect(() => create().views([])).toThrow(/there are 0 recipes, but it makes two views/);
    expect(() => create().views([recipe, recipe, recipe])).toThrow(/there are 3 recipes/);
  });

  it('says how its embeddings and maps are shaped', () => {
    expect(create().info({ batch: 4, side: 8 })).toMatchObject({ dim: 4, channels: 6, grid: 2, stride: 4 });
  });

  it('has options that survive JSON', () => {
    const { options } = create();
    expect(JSON.parse(JSON.stringify(options))).toEqual(options);
    expect(options).not.toHaveProperty('backbone');
  });

  it('says that a head is the user’s own', () => {
    const projector = { specs: {}, apply: (_weights: unknown, x: tf.Tensor2D) => x };
    expect(create({ projector }).options.projector).toBe('custom');
    expect(create({ projector }).networks.projector).toBe(projector);
  });
});

describe.each(Object.entries({ moco, mocoV3, simclr, simsiam, byol, densecl, nnclr }))('%s', (name, create) => {
  it('says that a backbone is required', () => {
    expect(() => create({} as never)).toThrow(new RegExp(`\\[${name}\\] backbone is required`));
  });

  it('suggests the nearest option for one that it does not have', () => {
    expect(() => create({ backbon: 1 } as never)).toThrow(/backbon is not an option; did you mean backbone\?/);
  });
});
