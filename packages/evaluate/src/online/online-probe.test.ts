import '@tensorflow/tfjs-backend-cpu';
import { ALONE, type HostInfo, Rng } from '@contrastive/core';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { onlineProbe } from './online-probe.js';

const HOST = { channels: 2 } as HostInfo;

/** Hooks see pooled features of `view1` and labels only. */
type Hooked = Parameters<NonNullable<ReturnType<typeof onlineProbe>['commit']>>[0];
const ioOf = (state: Hooked['state'], features: number[][], labels: number[]) =>
  ({
    state,
    labels: tf.tensor1d(labels, 'int32'),
    online: { view: () => ({ pooled: tf.tensor2d(features) }) },
    draws: {},
    workers: ALONE,
    features: {},
  }) as unknown as Hooked;

const start = (options: Parameters<typeof onlineProbe>[0] = { classes: 2 }) => {
  const probe = onlineProbe(options);
  return { probe, state: probe.init!(HOST, Rng.create(1)) };
};
const value = (t: tf.Tensor | undefined) => t!.dataSync()[0]!;

describe('onlineProbe', () => {
  it('takes one step of gradient descent: worked numbers', () => {
    const { probe, state } = start({ classes: 2, learningRate: 1 });
    const io = ioOf(state, [[1, 0]], [1]);
    expect(value(probe.observe!([], io).loss)).toBeCloseTo(Math.log(2), 6);
    probe.commit!(io);
    // softmax (½, ½) − (0, 1) = (½, −½): kernel row of feature 0 and the bias move by minus that.
    expect([...state.kernel!.dataSync()]).toEqual([-0.5, 0.5, 0, 0]);
    expect([...state.bias!.dataSync()]).toEqual([-0.5, 0.5]);
    probe.commit!(io);
    // Logits (−1, 1): softmax(0) = 1/(1 + e²) = 0.119203; velocity 0.9·0.5 + 0.119203.
    expect(state.bias!.dataSync()[0]).toBeCloseTo(-0.5 - 0.45 - 0.119203, 5);
  });

  it('learns classes that can be told apart', () => {
    const { probe, state } = start();
    const io = ioOf(
      state,
      [
        [1, 0],
        [0, 1],
        [0.9, 0.1],
        [0.1, 0.9],
      ],
      [0, 1, 0, 1],
    );
    for (let i = 0; i < 50; i++) probe.commit!(io);
    expect(value(probe.observe!([], io).accuracy)).toBe(1);
    expect(value(probe.observe!([], io).loss)).toBeLessThan(0.2);
  });

  it('leaves images without a label out, and stands still where none has one', () => {
    const [all, some] = [start(), start()];
    all.probe.commit!(ioOf(all.state, [[1, 2]], [1]));
    some.probe.commit!(
      ioOf(
        some.state,
        [
          [1, 2],
          [5, 5],
        ],
        [1, -1],
      ),
    );
    expect([...some.state.kernel!.dataSync()]).toEqual([...all.state.kernel!.dataSync()]);
    const none = start();
    none.probe.commit!(ioOf(none.state, [[1, 2]], [-1]));
    expect([...none.state.kernel!.dataSync()]).toEqual([0, 0, 0, 0]);
    expect(value(none.probe.observe!([], ioOf(none.state, [[1, 2]], [-1])).loss)).toBe(0);
  });

  it('has no weight that an optimiser would move, and no part in the loss', () => {
    const { probe, state } = start();
    expect(Object.values(state).some((v) => v.trainable)).toBe(false);
    expect([probe.edit, probe.encode, probe.draw, probe.views]).toEqual([undefined, undefined, undefined, undefined]);
  });

  it('refuses fewer than two classes and unknown options', () => {
    expect(() => onlineProbe({ classes: 1 })).toThrow(/classes must be/);
    expect(() => onlineProbe({ classes: 3, rate: 1 } as never)).toThrow(/rate is not an option/);
  });
});
