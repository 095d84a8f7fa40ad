import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import { describe, expect, it } from 'vitest';
import { momentumHost, recipe, siameseHost, tinyBatch } from '../test/tiny.js';
import type { Term } from './comparison.js';
import type { AnyHost, AnyPlugin } from './compose.js';
import { sgd } from './optim/sgd.js';
import type { Plugin } from './plugin.js';
import { withoutTape } from './stop-gradient.js';
import { Trainer } from './trainer.js';

const plugin = (rest: Partial<Plugin>): AnyPlugin => ({ name: 'probe', options: {}, ...rest });
const trainerOf = (plugins: readonly AnyPlugin[] = [], host: AnyHost = momentumHost(), learningRate = 0.1) =>
  new Trainer({
    host,
    plugins,
    optimizer: sgd({ learningRate }),
    schedule: () => learningRate,
    batch: 4,
    side: 2,
    epochs: 1,
    stepsPerEpoch: 10,
    seed: 1,
    recipes: [recipe],
  });
const only = async (trainer: Trainer, seed = 1) => {
  const report = await trainer.step([tinyBatch(seed, Object.keys(trainer.plan))], { record: true });
  trainer.dispose();
  return report;
};
const renamed = (terms: readonly Term[], name: string, weight: Term['weight']): Term => ({
  ...terms[0]!,
  name,
  weight,
});

describe('a step', () => {
  it('calls begin, terms, encode, edit, observe and commit in this order', async () => {
    const calls: string[] = [];
    const note = <T>(name: string, result: T): T => {
      calls.push(name);
      return result;
    };
    const inner = momentumHost();
    const host = momentumHost({
      begin: (io) => note('host.begin', inner.begin!(io)),
      terms: (io) => note('host.terms', inner.terms(io)),
      observe: () => note('host.observe', {}),
      commit: () => note('host.commit', undefined),
    });
    const hooks = (name: string) => ({
      ...plugin({}),
      name,
      encode: () => note(`${name}.encode`, {}),
      edit: (terms: readonly Term[]) => note(`${name}.edit`, terms),
      observe: () => note(`${name}.observe`, {}),
      commit: () => note(`${name}.commit`, undefined),
    });
    await only(trainerOf([hooks('a'), hooks('b')], host));
    expect(calls.join(' ')).toBe(
      'host.begin host.terms a.encode b.encode a.edit b.edit host.observe a.observe b.observe host.commit a.commit b.commit',
    );
  });

  it('feeds the terms of one plug-in to the next, and adds their weighted losses', async () => {
    const doubled = plugin({ name: 'a', edit: (terms) => [...terms, renamed(terms, 'twice', 2)] });
    const scheduled = plugin({
      name: 'b',
      draw: () => ({ weight: { shape: [], dtype: 'float32', data: Float32Array.of(0.5) } }),
      edit: (terms, { draws }) => [...terms, renamed(terms, 'half', draws.weight as tf.Scalar)],
    });
    const { metrics } = await only(trainerOf([doubled, scheduled]));
    expect(metrics['loss/twice']).toBe(metrics['loss/global']);
    expect(metrics.loss).toBeCloseTo(3.5 * metrics['loss/global']!, 5);
  });

  it('starts from no terms where a plug-in replaces the loss, which still sees those of the host', async () => {
    const replacing = plugin({
      replacesHostLoss: true,
      edit: (terms, { hostTerms }) => {
        expect(terms).toHaveLength(0);
        return [renamed(hostTerms, 'own', 1)];
      },
    });
    const { metrics } = await only(trainerOf([replacing]));
    expect(metrics).not.toHaveProperty('loss/global');
    expect(metrics['loss/own']).toBe(metrics.loss);
  });

  it('shows a plug-in ids, labels, its own phase and nobody else’s draws', async () => {
    const draw = () => ({ x: { shape: [] as never, dtype: 'float32' as const, data: Float32Array.of(3) } });
    const other = plugin({ name: 'other', draw });
    const probe = plugin({
      phase: () => 'late',
      draw,
      observe: (scored, { ids, labels, phase, draws, features, state }) => {
        expect([phase, Object.keys(draws), Object.keys(features), Object.keys(state)]).toEqual(['late', ['x'], [], []]);
        expect(scored[0]!.comparisons[0]!.scores!.negatives[0]!.shape).toEqual([4, 8]);
        return { ids: tf.cast(ids, 'float32'), labels: tf.cast(labels, 'float32') };
      },
    });
    const { tensors } = await only(trainerOf([other, probe]));
    expect(Array.from(tensors['probe/ids']!.data)).toEqual([0, 1, 2, 3]);
    expect(Array.from(tensors['probe/labels']!.data)).toEqual([-1, -1, -1, -1]);
  });

  it('trains the learned variables of a plug-in and leaves its other state to commit', async () => {
    const probe = plugin({
      init: () => ({
        scale: tf.variable(tf.scalar(1)),
        count: tf.variable(tf.scalar(0), false),
      }),
      edit: (terms, { state }) =>
        terms.map((t) => ({
          ...t,
          comparisons: t.comparisons.map((c) => ({ ...c, anchors: tf.mul(c.anchors, state.scale!) })),
        })),
      commit: ({ state }) => state.count!.assign(tf.add(state.count!, 1)),
    });
    const trainer = trainerOf([probe]);
    await trainer.step([tinyBatch(1)]);
    expect(trainer.variables['plugins/probe/scale']!.dataSync()[0]).not.toBe(1);
    expect(trainer.variables['plugins/probe/count']!.dataSync()[0]).toBe(1);
    trainer.dispose();
  });

  it('passes features from encode to edit, with gradient', async () => {
    const rate = 0.1;
    const host = siameseHost();
    const moved = async (stop: boolean) => {
      const probe = plugin({
        encode: ({ online, images }) => ({ rows: online.encode(images.view1!).embedding }),
        edit: (terms, { features }) =>
          terms.map((t) => ({
            ...t,
            comparisons: t.comparisons.map((c) => ({
              ...c,
              anchors: stop ? c.anchors : (features.rows as tf.Tensor2D),
            })),
          })),
      });
      const trainer = trainerOf([probe], host, rate);
      const before = Array.from(trainer.variables['online/predictor/kernel']!.dataSync());
      await trainer.step([tinyBatch(1)]);
      const after = Array.from(trainer.variables['online/predictor/kernel']!.dataSync());
      trainer.dispose();
      return after.map((v, i) => v - before[i]!);
    };
    const [own, hosts] = [await moved(false), await moved(true)];
    expect(own.some((x) => x !== 0)).toBe(true);
    expect(own).not.toEqual(hosts);
  });

  it('gives the same gradients whichever branch is read first', async () => {
    const inner = siameseHost();
    const weightsAfter = async (first: 'online' | 'target') => {
      const host = siameseHost({
        terms: (io) => {
          for (const view of ['view1', 'view2']) withoutTape(() => io[first].view(view).embedding);
          return inner.terms(io);
        },
      });
      const trainer = trainerOf([], host);
      await trainer.step([tinyBatch(1)]);
      const { tensors } = await trainer.snapshot();
      trainer.dispose();
      return tensors;
    };
    expect(await weightsAfter('target')).toEqual(await weightsAfter('online'));
  });

  it.each(['encode', 'edit', 'observe', 'commit'] as const)('says that %s of a plug-in failed', async (hook) => {
    const failing = plugin({
      [hook]: () => {
        throw new Error('bad shape');
      },
    });
    await expect(only(trainerOf([failing]))).rejects.toThrow(
      expect.objectContaining({
        code: 'HOOK_FAILED',
        message: `[probe] ${hook} failed: bad shape`,
        hint: expect.stringMatching(new RegExp(`^While: probe\\.${hook}, host .+, step 0\\.$`)),
      }),
    );
  });
});
