import { createRing, Rng, type State, scoreTerms, type Tensors } from '@contrastive/core';
import { byol, moco, mocoV3, nnclr, simclr, simsiam } from '@contrastive/hosts';
import { expectClose, seededRows, tinyBackbone, valuesOf } from '@contrastive/testing';
import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { featureIo } from '../parity/feature-step.js';
import { recipe, runSteps, trainerOf } from '../test/run.js';
import { evenShares, type Interpolation, interpolation } from './interpolation.js';
import type { RecoOptions } from './options.js';
import { reco } from './reco.js';

// Spec "reco" E2, with the weak rows of E1.
const q = tf.tensor2d([1, 0, 0.6, 0.8], [2, 2]);
const k = tf.tensor2d([0.8, 0.6, 0, 1], [2, 2]);
const weak = tf.tensor2d([0.96, 0.28, 0.8, 0.6], [2, 2]);
const queue = tf.tensor2d([0, 1, -1, 0, 0.6, -0.8], [3, 2]);
const bank = tf.tensor2d([0.6, 0.8, 0.8, 0.6, 0.28, 0.96], [3, 2]);
const mixed = tf.tensor2d([0.9, 0.5, 0.8, 0.5], [2, 2]);

const deviceDraws = (drawn: Interpolation): Tensors =>
  Object.fromEntries(Object.entries(drawn).map(([name, t]) => [name, tf.tensor(t.data, t.shape as number[], t.dtype)]));
const draws = deviceDraws(interpolation([1, 0], [evenShares(0.75, 1)]));
const bankState = (): State => ({ bank: tf.variable(bank), bankPointer: tf.variable(tf.scalar(0, 'int32')) });

interface Given {
  readonly query?: tf.Tensor2D;
  readonly mixed?: tf.Tensor2D;
  readonly key?: tf.Tensor2D;
  readonly weak?: tf.Tensor2D;
  readonly queue?: tf.Tensor2D;
  readonly state?: State;
}

function step(options: RecoOptions, given: Given = {}, mixing = draws) {
  const plugin = reco(options);
  const rows = { query: q, mixed, key: k, weak, queue, ...given };
  const io = featureIo({ ...rows, temperature: 0.2, areUnit: false }, mixing, given.state ?? bankState());
  const features = plugin.encode!(io);
  const full = { ...io, features };
  return { plugin, io: full, ...scoreTerms(plugin.edit!(io.hostTerms, full)) };
}

describe('reco on MoCo: worked examples of spec "reco"', () => {
  it('gives the losses of E2', () => {
    const { scored, total } = step({});
    expectClose(scored[0]!.comparisons[0]!.losses, [0.326652, 0.695858], { abs: 1e-6 });
    expectClose(scored[1]!.comparisons[0]!.losses, [0.196601, 1.081499], { abs: 2e-6 });
    expectClose(scored[2]!.comparisons[0]!.losses, [0.093318, 0.123859], { abs: 1e-6 });
    expectClose(total, 1.258893, { abs: 2e-6 });
  });

  it('gives the total of the precursor, λ₂ = 2', () => {
    expectClose(step({ lambda2: 2 }).total, 1.367482, { abs: 2e-6 });
  });

  it('gives the gradient of the mixed features of E2', () => {
    const unitMixed = tf.tensor2d([0.874157, 0.485643, 0.847998, 0.529999], [2, 2]);
    const loss = (m: tf.Tensor) => {
      const plugin = reco({ lambda1: 0 });
      const given = { query: q, mixed: m as tf.Tensor2D, key: k, weak, queue };
      const io = featureIo({ ...given, temperature: 0.2, areUnit: true }, draws, {});
      return scoreTerms(plugin.edit!([], { ...io, features: plugin.encode!(io) })).total;
    };
    expectClose(tf.grad(loss)(unitMixed), [-0.191726, 0.092706, -0.173998, 0.019851], { abs: 2e-6 });
  });

  it('is log(K + 1) and log K if all scores are equal', () => {
    const same = tf.tensor2d([1, 0, 1, 0], [2, 2]);
    const rows = tf.tile(tf.tensor2d([[1, 0]]), [5, 1]) as tf.Tensor2D;
    const state = { bank: tf.variable(rows), bankPointer: tf.variable(tf.scalar(0, 'int32')) };
    const { scored } = step({}, { query: same, mixed: same, key: same, weak: same, queue: rows, state });
    expectClose(scored[1]!.loss, Math.log(5));
    expectClose(scored[2]!.loss, Math.log(6));
  });

  it('scores an empty box as mean log(1 + Σ exp((q·Q − 1) / T))', () => {
    const empty = interpolation([1, 0], [{ lambda: 1, rows: [0], columns: [0] }]);
    const plugin = reco({ lambda1: 0 });
    const io = featureIo(
      { query: q, mixed: q, key: k, weak, queue, temperature: 0.2, areUnit: false },
      deviceDraws(empty),
      {},
    );
    const features = plugin.encode!(io);
    expectClose(features.mixedTarget!, q);
    const cosines = tf.matMul(q, queue, false, true);
    const expected = tf.mean(tf.log(tf.add(1, tf.sum(tf.exp(tf.div(tf.sub(cosines, 1), 0.2)), 1))));
    expectClose(scoreTerms(plugin.edit!([], { ...io, features })).total, expected);
  });
});

describe('reco’s gradient', () => {
  const gradients = (options: RecoOptions) => {
    const names = ['query', 'mixed', 'key', 'weak', 'queue'] as const;
    const f = (...rows: tf.Tensor[]) => {
      const given = Object.fromEntries(names.map((name, i) => [name, rows[i]!])) as Given;
      return step({ ...options, hostLoss: true }, given).scored[1]!.loss;
    };
    // tfjs refuses gradients by what takes no part at all, so all take part with a factor of 0.
    const connected = (...rows: tf.Tensor[]) => tf.add(f(...rows), tf.mul(0, tf.addN(rows.map((r) => tf.sum(r)))));
    const found = tf.grads(connected)([q, mixed, k, weak, queue]);
    return Object.fromEntries(names.map((name, i) => [name, valuesOf(tf.max(tf.abs(found[i]!)))[0]!]));
  };

  it('of the relation reaches the query alone', () => {
    const { query, ...others } = gradients({ lambda2: 0 });
    expect(query).toBeGreaterThan(0.01);
    expect(others).toEqual({ mixed: 0, key: 0, weak: 0, queue: 0 });
  });

  it('of the relation reaches neither the bank nor the teacher that fills it', () => {
    const loss = (rows: tf.Tensor, pass: tf.Tensor) => {
      const state = { bank: rows, bankPointer: tf.scalar(0, 'int32') } as unknown as State;
      const { scored } = step({ lambda2: 0 }, { weak: pass as tf.Tensor2D, state });
      return tf.add(scored[1]!.loss, tf.mul(0, tf.add(tf.sum(rows), tf.sum(pass)))) as tf.Scalar;
    };
    for (const gradient of tf.grads(loss)([bank, weak])) expect(Math.max(...valuesOf(tf.abs(gradient)))).toBe(0);
  });

  it('of the interpolation reaches the mixed images alone', () => {
    const { mixed: own, ...others } = gradients({ lambda1: 0 });
    expect(own).toBeGreaterThan(0.01);
    expect(others).toEqual({ query: 0, key: 0, weak: 0, queue: 0 });
  });
});

describe('reco’s options', () => {
  it('with both weights 0 leave views, terms and passes of the host alone', () => {
    const plugin = reco({ lambda1: 0, lambda2: 0 });
    const io = featureIo({ query: q, mixed, key: k, weak, queue, temperature: 0.2, areUnit: false }, {}, {});
    expect(plugin.views!({ view1: recipe, view2: recipe })).toEqual({ view1: recipe, view2: recipe });
    expect(plugin.encode!(io)).toEqual({});
    expect(plugin.edit!(io.hostTerms, { ...io, features: {} })).toEqual(io.hostTerms);
  });

  it('add a weak view with crop and flip only', () => {
    const { weak: view } = reco().views!({ view1: recipe, view2: recipe });
    expect(view!.steps.map((s) => s.op)).toEqual(['crop', 'flip']);
    expect(reco({ weakRecipe: recipe }).views!({ view1: recipe }).weak).toBe(recipe);
    expect(reco({ teacherView: 'strong' }).views!({ view1: recipe })).toEqual({ view1: recipe });
  });

  it('drop the host’s loss with hostLoss false', () => {
    expect(reco({ hostLoss: false }).replacesHostLoss).toBe(true);
  });

  it('mix the query’s own features with mixSource query', () => {
    const rows = [0.9, 0.2, 0.7, 0.6]; // 0.75 q + 0.25 q of the partner
    const unitRows = rows.map((v, i) => v / Math.hypot(...(i < 2 ? rows.slice(0, 2) : rows.slice(2))));
    expectClose(step({ mixSource: 'query' }).io.features.mixedTarget!, unitRows);
  });

  it('hold mixed images to the cosine with localTarget cosine', () => {
    const { scored } = step({ localTarget: 'cosine' });
    expectClose(scored[2]!.comparisons[0]!.losses, [-0.982872, -0.955894], { abs: 2e-6 });
  });

  it.each([
    [{ lambda1: -1 }, 'lambda1'],
    [{ studentTemperature: 0 }, 'studentTemperature'],
    [{ alpha: 0 }, 'alpha'],
    [{ boxMinArea: 0.6 }, 'boxMinArea'],
    [{ mix: 'cutout' }, 'mix'],
    [{ localTemperature: -1 }, 'localTemperature'],
    [{ bankSize: 2.5 }, 'bankSize'],
    [{ weakRecipe: 'none' }, 'weakRecipe'],
    [{ weakRecipe: recipe, teacherView: 'strong' }, 'weakRecipe'],
    [{ hostLoss: false, lambda1: 0, lambda2: 0 }, 'hostLoss'],
    [{ term: '' }, 'term'],
    [{ lamda1: 1 }, 'lamda1'],
  ])('are refused: %j', (options, name) => {
    expect(() => reco(options as RecoOptions)).toThrow(
      expect.objectContaining({ code: 'BAD_OPTION', message: expect.stringContaining(`[reco] ${name} `) }),
    );
  });
});

const backbone = tinyBackbone();
const small = { backbone, hidden: 8, dim: 5 } as const;
const hosts = {
  moco: () => moco({ ...small, queueSize: 8 }),
  'moco, both directions': () => moco({ ...small, queueSize: 16, loss: 'mean' }),
  simclr: () => simclr(small),
  mocoV3: () => mocoV3(small),
  simsiam: () => simsiam({ ...small }),
  byol: () => byol({ ...small }),
  nnclr: () => nnclr({ ...small, supportSize: 8 }),
} as const;

describe.each(Object.entries(hosts))('reco over %s', (_, host) => {
  it('trains, with finite terms and metrics', async () => {
    const trainer = trainerOf(host(), [reco({ bankSize: 8 })]);
    try {
      for (const { metrics } of await runSteps(trainer, 3)) {
        for (const name of ['loss', 'loss/global', 'loss/relation', 'loss/interpolation']) {
          expect(Number.isFinite(metrics[name]), name).toBe(true);
        }
        const { kl, teacherEntropy, lambda } = Object.fromEntries(
          Object.entries(metrics).map(([name, value]) => [name.replace('reco/', ''), value]),
        );
        expect(kl! + teacherEntropy!).toBeCloseTo(metrics['loss/relation']!, 4);
        expect(kl).toBeGreaterThan(-1e-5);
        expect(lambda).toBeGreaterThanOrEqual(0);
      }
    } finally {
      trainer.dispose();
    }
  });

  it('has the host’s own loss, step by step, with both weights 0', async () => {
    const losses = async (plugins: Parameters<typeof trainerOf>[1]) => {
      const trainer = trainerOf(host(), plugins);
      const reports = await runSteps(trainer, 3);
      trainer.dispose();
      return reports.map((r) => r.metrics.loss);
    };
    expect(await losses([reco({ lambda1: 0, lambda2: 0 })])).toEqual(await losses([]));
  });

  it('has the host’s own loss until startEpoch', async () => {
    const trainer = trainerOf(host(), [reco({ startEpoch: 1 })]);
    const [alone, early] = [trainerOf(host(), []), await runSteps(trainer, 1)];
    expect(early[0]!.metrics.loss).toBe((await runSteps(alone, 1))[0]!.metrics.loss);
    expect(Object.keys(early[0]!.metrics)).not.toContain('loss/relation');
    trainer.dispose();
    alone.dispose();
  });

  it.each([{ lambda2: 0 }, { lambda1: 0 }])('moves the encoder by one term alone: %j', async (options) => {
    const trainer = trainerOf(host(), [reco({ hostLoss: false, bankSize: 8, ...options })]);
    const kernel = trainer.variables['online/backbone/conv/kernel']!;
    const before = valuesOf(kernel);
    await runSteps(trainer, 1);
    const moved = valuesOf(kernel).map((v, i) => Math.abs(v - before[i]!));
    expect(Math.max(...moved)).toBeGreaterThan(1e-4);
    trainer.dispose();
  });

  it('keeps its rings across a checkpoint, bit by bit', async () => {
    const [a, b] = [trainerOf(host(), [reco()]), trainerOf(host(), [reco()])];
    await runSteps(a, 1);
    await b.restore(await a.snapshot());
    const [one, two] = [await runSteps(a, 2), await runSteps(b, 2)];
    expect(two.map((r) => r.metrics)).toEqual(one.map((r) => r.metrics));
    a.dispose();
    b.dispose();
  });
});

describe('reco’s state', () => {
  const stateOf = (host: Parameters<typeof trainerOf>[0], options: RecoOptions = {}) => {
    const trainer = trainerOf(host, [reco(options)]);
    const found = Object.entries(trainer.variables)
      .filter(([name]) => name.startsWith('plugins/reco/'))
      .map(([name, v]) => `${name.slice('plugins/reco/'.length)} ${v.shape}`);
    trainer.dispose();
    return found;
  };

  it.each([
    ['a weak bank as long as the queue over MoCo', hosts.moco(), {}, ['bank 8,5', 'bankPointer ']],
    ['nothing over SimCLR, whose negatives are in the batch', hosts.simclr(), {}, []],
    ['bank and keys over BYOL', hosts.byol(), {}, ['bank 4096,5', 'bankPointer ', 'keys 4096,5', 'keysPointer ']],
    [
      'no keys with a cosine target',
      hosts.byol(),
      { localTarget: 'cosine', bankSize: 12 },
      ['bank 12,5', 'bankPointer '],
    ],
    ['nothing with the host’s bank', hosts.moco(), { relationBank: 'host' }, []],
    [
      'keys alone with the host’s bank over BYOL',
      hosts.byol(),
      { relationBank: 'host', bankSize: 4 },
      ['keys 4,5', 'keysPointer '],
    ],
    ['nothing without the relation', hosts.moco(), { lambda1: 0 }, []],
  ] as const)('is %s', (_, host, options, expected) => {
    expect(stateOf(host, options)).toEqual(expected);
  });

  it('refuses a bank that batches do not fill evenly, and a term that the host does not have', () => {
    expect(() => trainerOf(hosts.byol(), [reco({ bankSize: 6 })])).toThrow(
      expect.objectContaining({ code: 'BAD_OPTION', message: expect.stringContaining('bankSize is 6') }),
    );
    expect(() => trainerOf(hosts.moco(), [reco({ term: 'dense' })])).toThrow(
      expect.objectContaining({
        code: 'INCOMPATIBLE',
        message: expect.stringContaining('no loss term dense; it has global'),
      }),
    );
  });

  it('takes exactly the teacher’s rows at the pointer, which is the host’s', () => {
    const ring = createRing({ rows: 4, dim: 2, rng: Rng.create(1) });
    const before = valuesOf(ring.rows);
    const { plugin, io } = step({}, { state: { bank: ring.rows, bankPointer: ring.pointer } });
    plugin.commit!(io);
    expectClose(ring.rows, [...valuesOf(weak), ...before.slice(4)]);
    expect(valuesOf(ring.pointer)).toEqual([2]);
    plugin.commit!(io);
    expectClose(ring.rows, [...valuesOf(weak), ...valuesOf(weak)]);
    expect(valuesOf(ring.pointer)).toEqual([0]);
  });

  it('moves in step with the host’s queue, and all random rows are gone after K / B steps', async () => {
    const trainer = trainerOf(hosts.moco(), [reco()]);
    const start = valuesOf(trainer.variables['plugins/reco/bank']!);
    await runSteps(trainer, 1);
    const pointers = ['plugins/reco/bankPointer', 'host/queue/pointer'].map((n) => valuesOf(trainer.variables[n]!)[0]);
    expect(pointers).toEqual([4, 4]);
    await runSteps(trainer, 1);
    const rows = valuesOf(trainer.variables['plugins/reco/bank']!);
    expect(rows.filter((v) => start.includes(v))).toEqual([]);
    trainer.dispose();
  });
});

describe('reco’s teacher', () => {
  it('keeps its first weights in step 1 and follows those of after it in step 2: spec "reco", invariant 10', async () => {
    const trainer = trainerOf(moco({ ...small, queueSize: 8, momentum: { base: 0.9, kind: 'constant' } }), [reco()]);
    const read = (network: string) => valuesOf(trainer.variables[`${network}/backbone/conv/kernel`]!);
    const first = read('online');
    await runSteps(trainer, 1);
    const moved = read('online');
    expect(moved).not.toEqual(first);
    expectClose(read('target'), first);
    await runSteps(trainer, 1);
    expectClose(
      read('target'),
      first.map((v, i) => 0.9 * v + 0.1 * moved[i]!),
    );
    trainer.dispose();
  });
});

describe('reco in a batch', () => {
  it('uses the rows of the other images as bank with relationBank batch', () => {
    const { scored } = step({ relationBank: 'batch' }, { state: {} });
    const scores = scored[1]!.comparisons[0]!.scores!;
    expectClose(scores.weights, [0, 1, 1, 0]); // one candidate each: the other image
    expectClose(scored[1]!.loss, 0, { abs: 1e-6 });
  });

  it('uses the host’s negatives with relationBank host', () => {
    const { scored } = step({ relationBank: 'host' }, { state: {} });
    expectClose(scored[1]!.comparisons[0]!.scores!.positives, tf.matMul(q, queue, false, true));
  });
});

describe('the losses', () => {
  it('do not depend on the order of queue and bank', () => {
    const order = tf.tensor1d([2, 0, 1], 'int32');
    const state = { bank: tf.variable(tf.gather(bank, order)), bankPointer: tf.variable(tf.scalar(0, 'int32')) };
    expectClose(step({}, { queue: tf.gather(queue, order), state }).total, step({}).total);
  });

  it('do not depend on the order of the batch', () => {
    fc.assert(
      fc.property(fc.nat(1e6), fc.shuffledSubarray([0, 1, 2, 3, 4], { minLength: 5 }), (seed, order) => {
        const pi = [...Rng.create(seed).permutation(5)];
        const rows = ['query', 'mixed', 'key', 'weak'].map((name, i) => [name, seededRows(5, 4, seed + i)] as const);
        const [queueRows, bankRows] = [seededRows(6, 4, seed + 8), seededRows(6, 4, seed + 9)];
        const losses = (sigma: readonly number[]) => {
          // Image i of the new order is image sigma[i]; its partner is the new place of that image's partner.
          const partner = sigma.map((image) => sigma.indexOf(pi[image]!));
          const mixing = deviceDraws(interpolation(partner, [evenShares(0.6, 1)]));
          const given = rows.map(([name, t]) => [name, tf.gather(t, tf.tensor1d([...sigma], 'int32'))]);
          const state = { bank: tf.variable(bankRows), bankPointer: tf.variable(tf.scalar(0, 'int32')) };
          const { scored } = step({}, { ...Object.fromEntries(given), queue: queueRows, state }, mixing);
          return tf.stack(scored.map((s) => s.loss));
        };
        expectClose(losses(order), losses([0, 1, 2, 3, 4]), { rel: 1e-5, abs: 1e-5 });
      }),
      { numRuns: 10 },
    );
  });

  it('do not depend on keys and weak rows of this step through the queues', () => {
    const other = seededRows(2, 2, 5);
    const before = step({}).scored[1]!;
    expectClose(step({}, { key: other }).scored[1]!.loss, before.loss);
  });
});
