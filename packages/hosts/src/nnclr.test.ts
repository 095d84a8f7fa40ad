import { Rng } from '@contrastive/core';
import { seededRows, tinyBackbone } from '@contrastive/testing';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { feed, lossOf } from '../test/feed.js';
import { circle } from '../test/rows.js';
import { type NnclrOptions, nearestRows, nnclr } from './nnclr.js';

const backbone = tinyBackbone();
const both = <T>(it: T) => ({ view1: it, view2: it });
const setUp = (options: Partial<NnclrOptions> = {}, rows = circle(5, 60, 130)) => {
  const host = nnclr({ backbone, dim: 2, supportSize: rows.shape[0], temperature: 0.1, ...options });
  const state = host.init!(host.info({ batch: 1, side: 8 }), Rng.create(1));
  state.support!.assign(rows);
  return { host, state };
};

describe('nnclr', () => {
  it('gives the worked example of the spec', () => {
    expect(Array.from(nearestRows(circle(0, 90), circle(5, 60, 130)).dataSync())).toEqual([0, 1]);
    const { host, state } = setUp();
    const side = { projection: circle(0, 90), prediction: circle(15, 100) };
    expect(lossOf(host, { online: both(side), state }).dataSync()[0]).toBeCloseTo(0.220644, 6);
  });

  it('equals ln n, or ln(2n − 1) with full NT-Xent, when all scores are equal', () => {
    const side = { projection: circle(50, 50, 50), prediction: circle(50, 50, 50) };
    const loss = (contrast: 'rows' | 'ntXent') => {
      const { host, state } = setUp({ contrast }, circle(50, 50, 50));
      return lossOf(host, { online: both(side), state }).dataSync()[0];
    };
    expect(loss('rows')).toBeCloseTo(Math.log(3), 5);
    expect(loss('ntXent')).toBeCloseTo(Math.log(5), 5);
  });

  it('passes gradient through predictions only', () => {
    const { host, state } = setUp();
    const f = (z: tf.Tensor, p: tf.Tensor) =>
      lossOf(host, { online: both({ projection: z as tf.Tensor2D, prediction: p as tf.Tensor2D }), state });
    const [z, p] = [seededRows(2, 2, 1), seededRows(2, 2, 2)];
    expect(tf.max(tf.abs(tf.grad((x) => f(z, x))(p))).dataSync()[0]).toBeGreaterThan(1e-3);
    expect(() => tf.grad((x) => f(x, p))(z)).toThrow(/gradient/i);
  });

  it('stores unit rows of view 1, or raw rows of view 2', () => {
    const views = { view1: { projection: tf.tensor2d([[3, 4]]) }, view2: { projection: tf.tensor2d([[0, 2]]) } };
    const stored = (contrast: 'rows' | 'ntXent') => {
      const { host, state } = setUp({ contrast });
      host.commit!(feed({ online: views, state, labels: tf.tensor1d([7], 'int32') }));
      expect(state['support/pointer']!.arraySync()).toBe(1);
      expect((state.labels!.arraySync() as unknown as number[])[0]).toBe(7);
      return (state.support!.arraySync() as number[][])[0]!;
    };
    expect(stored('rows')[0]).toBeCloseTo(0.6, 5);
    expect(stored('ntXent')).toEqual([0, 2]);
  });

  it('drops raw rows that do not fit before the end, and starts again there, as lightly does', () => {
    const { host, state } = setUp({ contrast: 'ntXent' });
    const commit = (first: number, second: number) => {
      const view = { projection: tf.tensor2d([first, 0, second, 0], [2, 2]) };
      const labels = tf.tensor1d([first, second], 'int32');
      host.commit!(feed({ online: both(view), state, labels }));
      return {
        support: (state.support!.arraySync() as number[][]).map((row) => row[0]),
        labels: state.labels!.arraySync(),
      };
    };
    expect(host.info({ batch: 2, side: 8 }).batch).toBe(2);
    commit(1, 2);
    expect(commit(3, 4)).toEqual({ support: [1, 2, 3], labels: [1, 2, 3] });
    expect(commit(5, 6)).toEqual({ support: [5, 6, 3], labels: [5, 6, 3] });
  });

  it('reports how many neighbours have the class of their image', () => {
    const { host, state } = setUp();
    state.labels!.assign(tf.tensor1d([3, 4, -1], 'int32') as never);
    const purity = (...labels: number[]) => {
      // Neighbours: rows 0, 1 and 2.
      const online = both({ projection: circle(0, 70, 130) });
      const io = feed({ online, state, labels: tf.tensor1d(labels, 'int32') });
      return host.observe!(io).purity!.dataSync()[0];
    };
    expect(purity(3, 9, 5)).toBeCloseTo(0.5, 6);
    expect(purity(3, 4, 5)).toBeCloseTo(1, 6);
    expect(purity(-1, -1, 5)).toBe(0);
  });

  it('refuses a support set that no number of steps fills, and options out of range', () => {
    const host = nnclr({ backbone, supportSize: 10 });
    expect(() => host.info({ batch: 4, side: 8 })).toThrow(
      /supportSize is 10, but it must be a multiple of the 4 rows/,
    );
    expect(() => nnclr({ backbone, temperature: 0, contrast: 'all' as 'rows' })).toThrow(
      /temperature.*\n.*contrast must be one of rows, ntXent/,
    );
    expect(nnclr({ backbone, supportSize: 8, contrast: 'ntXent' }).info({ batch: 4, side: 8 }).negativeRows).toEqual({
      global: 8,
    });
  });
});
