import { Rng } from '@contrastive/core';
import { tinyBackbone } from '@contrastive/testing';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { feed, lossOf } from '../test/feed.js';
import type { AnyHost } from '../test/hosts.js';
import { circle } from '../test/rows.js';
import { MOCO_CIFAR_DEMO, MOCO_V1, MOCO_V2_PLUS, type MocoOptions, moco } from './moco.js';

const backbone = tinyBackbone();
const create = (options: Partial<MocoOptions> = {}): AnyHost => moco({ backbone, dim: 2, queueSize: 3, ...options });
const stateOf = (host: AnyHost, batch = 1) => host.init!(host.info({ batch, side: 8 }), Rng.create(1));
const view = (projection: tf.Tensor2D) => ({ projection });
const step = (at: number) => ({ step: at, epoch: 1, epochs: 1, stepsPerEpoch: 100 });
const info = { batch: 4, side: 8 };

describe('moco', () => {
  const queries = circle(10, 100);
  const keys = circle(0, 90);
  const stored = circle(180, 225, 270);
  const worked = (temperature: number) => {
    const host = create({ temperature });
    const state = stateOf(host);
    state.queue!.assign(stored);
    return lossOf(host, { online: { view1: view(queries) }, target: { view2: view(keys) }, state }).dataSync()[0];
  };

  it('gives the worked example of the spec', () => {
    expect(worked(0.2)).toBeCloseTo(0.010425, 6);
    expect(worked(0.07)).toBeCloseTo(0.000005, 6);
  });

  it('starts at ln(1 + K) when all scores are equal', () => {
    const host = create();
    const state = stateOf(host);
    state.queue!.assign(circle(50, 50, 50));
    const same = view(circle(50, 50));
    const loss = lossOf(host, { online: { view1: same }, target: { view2: same }, state });
    expect(loss.dataSync()[0]).toBeCloseTo(Math.log(4), 5);
  });

  it('with a queue per view takes the mean of two asymmetric losses', () => {
    const host = create({ loss: 'mean', queues: 'perView' });
    const state = stateOf(host);
    state['queue/view2']!.assign(stored);
    state['queue/view1']!.assign(circle(45, 135, 315));
    const alone = (from: tf.Tensor2D, to: tf.Tensor2D, queue: tf.Variable) => {
      const one = create();
      const own = stateOf(one);
      own.queue!.assign(queue as unknown as tf.Tensor2D);
      return lossOf(one, { online: { view1: view(from) }, target: { view2: view(to) }, state: own }).dataSync()[0]!;
    };
    const both = { view1: view(queries), view2: view(keys) };
    const expected = (alone(queries, keys, state['queue/view2']!) + alone(keys, queries, state['queue/view1']!)) / 2;
    expect(lossOf(host, { online: both, target: both, state }).dataSync()[0]).toBeCloseTo(expected, 5);
  });

  it('with `sum` is twice `mean`', () => {
    const loss = (kind: 'sum' | 'mean') => {
      const host = create({ loss: kind, queueSize: 4 });
      const both = { view1: view(queries), view2: view(keys) };
      return lossOf(host, { online: both, state: stateOf(host) }).dataSync()[0]!;
    };
    expect(loss('sum')).toBeCloseTo(2 * loss('mean'), 5);
  });

  it('enqueues keys of view 1, then of view 2, into one queue', () => {
    const host = create({ loss: 'sum', queueSize: 6 });
    const state = stateOf(host);
    const untouched = state.queue!.arraySync() as number[][];
    host.commit!(feed({ online: { view1: view(circle(10, 20)), view2: view(circle(30, 40)) }, state }));
    const rows = state.queue!.arraySync() as number[][];
    expect(rows.map(([x]) => x!.toFixed(4))).toEqual([
      ...[10, 20, 30, 40].map((a) => Math.cos((a * Math.PI) / 180).toFixed(4)),
      ...untouched.slice(4).map(([x]) => x!.toFixed(4)),
    ]);
    expect(state['queue/pointer']!.arraySync()).toBe(4);
  });

  it('scores against the queue as it was before the step', () => {
    const host = create({ queueSize: 2 });
    const state = stateOf(host);
    const fed = { online: { view1: view(queries) }, target: { view2: view(keys) }, state };
    const before = lossOf(host, fed).dataSync()[0];
    host.commit!(feed(fed));
    expect(lossOf(host, fed).dataSync()[0]).not.toBeCloseTo(before!, 2);
  });

  it('never trains its queue', () => {
    for (const variable of Object.values(stateOf(create()))) expect(variable.trainable).toBe(false);
    expect(create().info({ batch: 3, side: 8 }).anchorViews).toEqual(['view1']);
  });

  it('draws the momentum of its schedule', () => {
    const momentum = (options: Partial<MocoOptions>, at: number) => {
      const host = create({ ...options, queueSize: 4 });
      return host.draw!(Rng.create(1), step(at), host.info(info)).momentum!.data[0];
    };
    expect(momentum({}, 0)).toBeCloseTo(0.999, 6);
    expect(momentum({}, 99)).toBeCloseTo(0.999, 6);
    const rising = { momentum: MOCO_V2_PLUS.momentum };
    expect(momentum(rising, 50)).toBeCloseTo(0.9945, 6); // spec example, v2+ at t = 50
    // An update after the optimiser of step t − 1 is made, with that step's momentum, when step t begins.
    expect(momentum({ ...rising, emaPlacement: 'after' }, 51)).toBeCloseTo(0.9945, 6);
    expect(momentum({ ...rising, emaPlacement: 'after' }, 0)).toBeCloseTo(0.99, 6);
  });

  it('draws a permutation and its inverse for shuffle batch norm', () => {
    const host = create({ shuffle: true, queueSize: 4 });
    const { order, inverse } = host.draw!(Rng.create(1), step(0), host.info(info));
    expect([...order!.data].sort()).toEqual([0, 1, 2, 3]);
    for (const [place, image] of order!.data.entries()) expect(inverse!.data[image]).toBe(place);
    expect(create().shuffle!({ momentum: tf.scalar(1) }, 'view2')).toBeUndefined();
  });

  it('has the heads of its versions', () => {
    const shapes = (options: Partial<MocoOptions>) =>
      Object.values(moco({ backbone, ...options }).networks.projector.specs).map(({ shape }) => shape.join('×'));
    expect(shapes(MOCO_V1)).toEqual(['6×128', '128']);
    expect(shapes({})).toEqual(['6×6', '6', '6×128', '128']);
    expect(shapes(MOCO_V2_PLUS)).toEqual(['6×2048', '2048', '2048×256', '256']);
    expect(shapes(MOCO_CIFAR_DEMO)).toEqual(['6×128', '128']);
  });

  it('records its options without the backbone', () => {
    expect(create({ temperature: 0.1 }).options).toEqual({
      ...{ head: 'mlp', dim: 2, temperature: 0.1, queueSize: 3, loss: 'asymmetric', queues: 'one' },
      ...{ momentum: { base: 0.999, kind: 'constant' }, emaPlacement: 'before', shuffle: false },
    });
  });

  it.each<[string, Partial<MocoOptions>, RegExp]>([
    ['a queue per view for one direction', { queues: 'perView' }, /queues is perView, but an asymmetric loss/],
    ['a hidden layer of no units', { hidden: 0 }, /\[moco\] hidden must be an integer ≥ 1, but is 0/],
    ['another loss', { loss: 'max' as 'sum' }, /loss must be one of asymmetric, mean, sum/],
    ['a momentum above 1', { momentum: { base: 2 } }, /base must be between 0 and 1/],
  ])('refuses %s', (_what, options, message) => {
    expect(() => create(options)).toThrow(message);
  });

  it('refuses a queue that no number of steps fills', () => {
    expect(() => create({ queueSize: 6 }).info(info)).toThrow(
      /queueSize is 6, but it must be a multiple of the 4 rows/,
    );
    expect(() => create({ queueSize: 12, loss: 'mean' }).info(info)).toThrow(/multiple of the 8 rows/);
    expect(create({ queueSize: 12, loss: 'mean', queues: 'perView' }).info(info).negativeRows).toEqual({ global: 12 });
  });
});
