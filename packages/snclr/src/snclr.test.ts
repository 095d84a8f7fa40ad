import { cosine, Rng, type State, scoreTerms, type Term } from '@contrastive/core';
import { expectClose, seededTensor } from '@contrastive/testing';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { bankOf, hostInfo, ioOf, type Rows } from '../test/branches.js';
import { atAngles, exampleBank, exampleRows, randomRows } from '../test/example.js';
import type { SnclrOptions } from './options.js';
import { snclr } from './snclr.js';

const values = (t: tf.Tensor) => Array.from(t.dataSync());
type Given = Parameters<typeof ioOf>[0];

/** Hooks of one step, with a small bank. */
function step(options: SnclrOptions, given: Partial<Given> & { rows: Rows; state: State }, phase?: string) {
  const plugin = snclr({ neighbours: 3, bankSize: given.state['bank/keys']!.shape[0]!, ...options });
  const own = plugin.phase!({ step: 0, epoch: 1, epochs: 1, stepsPerEpoch: 1 }, hostInfo());
  const io = { ...ioOf({ temperature: 0.2, ...given }), phase: phase ?? own };
  const features = plugin.encode!(io);
  const terms = plugin.edit!(io.hostTerms, { ...io, features });
  return { plugin, io: { ...io, features }, terms, ...scoreTerms(terms) };
}
const example = (options: SnclrOptions = {}, given: Partial<Given> = {}) =>
  step(options, { rows: exampleRows(), state: bankOf(exampleBank()), ...given });
const random = (options: SnclrOptions = {}, rows = randomRows(1), given: Partial<Given> = {}) =>
  step(options, { rows, state: bankOf(seededTensor<tf.Rank.R2>([12, 5], 50)), ...given });

describe('snclr over MoCo v3: worked examples of spec "snclr"', () => {
  it('gives example A: rows, directions and sum', () => {
    const { scored, total } = example();
    const [first, second] = scored[0]!.comparisons;
    expectClose(first!.losses, [3.029523, 2.925188]);
    expectClose(second!.losses, [3.301245, 3.46983]);
    expectClose(tf.mul(0.4, tf.mean(first!.losses)), 1.190942);
    expectClose(tf.mul(0.4, tf.mean(second!.losses)), 1.354215);
    expectClose(total, 2.545157, { abs: 3e-6 });
  });

  it.each([
    [{ threshold: true }, [0.782358, 1.042702]],
    [{ lossForm: 'inLog' }, [0.261045, 0.336591]],
    [{ neighbours: 0 }, [0.004044, 0.034126]],
  ] as const)('gives example B with %j', (options, directions) => {
    const { scored } = example(options);
    const found = scored[0]!.comparisons.map(({ losses }) => tf.mul(0.4, tf.mean(losses)).dataSync()[0]!);
    expectClose(found, directions, { abs: 2e-6 });
  });

  it.each([
    [true, -0.018615],
    [false, 0],
  ])('has the angular gradients of example A with positivenessGradient %s', (positivenessGradient, ofProjection) => {
    const at = (name: 'z1' | 'y1', degrees: number) => {
      const loss = (rows: tf.Tensor) =>
        tf.add(
          tf.sum(example({ positivenessGradient }, { rows: { ...exampleRows(), [name]: rows } }).total),
          tf.mul(0, tf.sum(rows)),
        ) as tf.Scalar;
      const gradient = tf.grad(loss)(exampleRows()[name]);
      const [x, y] = values(tf.slice(gradient, 0, 1)) as [number, number];
      const angle = (degrees * Math.PI) / 180;
      return -x * Math.sin(angle) + y * Math.cos(angle);
    };
    expect(at('z1', 10)).toBeCloseTo(0.316328, 5);
    expect(at('y1', 20)).toBeCloseTo(ofProjection, 5);
  });
});

describe('snclr', () => {
  it('has targets that sum to 2, or to 1 plus what a threshold keeps, or to 1', () => {
    const sums = (options: SnclrOptions) => tf.sum(random(options).terms[0]!.comparisons[0]!.positives.weights!, 1);
    expectClose(sums({}), [2, 2, 2, 2]);
    expectClose(sums({ normaliseTargets: true }), [1, 1, 1, 1]);
    expectClose(sums({ ownWeight: 0.5 }), [1.5, 1.5, 1.5, 1.5]);
    expect(Math.max(...values(sums({ threshold: true })))).toBeLessThan(2);
  });

  it('is the host, untouched, with no neighbours', () => {
    const { terms, io, plugin } = example({ neighbours: 0 }, {});
    expect(plugin.phase!({ step: 0, epoch: 1, epochs: 1, stepsPerEpoch: 1 }, hostInfo())).toBe('off');
    const off = plugin.edit!(io.hostTerms, { ...io, phase: 'off' });
    expect(off).toBe(io.hostTerms);
    expect(terms).toHaveLength(1);
    expect(plugin.init!(hostInfo(), Rng.create(1))).toEqual({});
  });

  it('does not mind lengths, the order of the bank or the order of the batch', () => {
    const rows = randomRows(3);
    const { total } = random({}, rows);
    const longer = Object.fromEntries(Object.entries(rows).map(([name, t], i) => [name, tf.mul(t, i + 0.5)]));
    expectClose(random({}, longer as unknown as Rows).total, total);
    const bank = seededTensor<tf.Rank.R2>([12, 5], 50);
    const order = tf.tensor1d([5, 3, 11, 0, 7, 9, 1, 2, 10, 4, 8, 6], 'int32');
    expectClose(random({}, rows, { state: bankOf(tf.gather(bank, order)) }).total, total);
    const batch = tf.tensor1d([2, 0, 3, 1], 'int32');
    const moved = Object.fromEntries(Object.entries(rows).map(([name, t]) => [name, tf.gather(t, batch)]));
    expectClose(random({}, moved as unknown as Rows).total, total);
  });

  it('sends gradient to predictions and projections only', () => {
    const rows = randomRows(4);
    const names = ['y1', 'y2', 'z1', 'z2', 'k1', 'k2'] as const;
    const sizes = tf
      .grads((...xs: tf.Tensor[]) => {
        const given = Object.fromEntries(names.map((name, i) => [name, xs[i]!])) as unknown as Rows;
        return tf.add(random({}, given).total, tf.mul(0, tf.addN(xs.map((x) => tf.sum(x))))) as tf.Scalar;
      })(names.map((name) => rows[name]))
      .map((g) => Math.max(...values(tf.abs(g))) > 0);
    expect(sizes).toEqual([true, true, true, true, false, false]);
  });

  it('has targets of 1 plus exactly the weights that a threshold keeps', () => {
    const [kept, all] = [true, false].map(
      (threshold) => random({ threshold }).terms[0]!.comparisons[0]!.positives.weights!,
    );
    const soft = values(tf.slice(all!, [0, 1], [-1, 3]));
    expect(soft.some((w) => w <= 1 / 3)).toBe(true);
    const expected = [0, 1, 2, 3].map((i) => {
      const above = soft.slice(3 * i, 3 * i + 3).filter((w) => w > 1 / 3);
      return 1 + above.reduce((sum, w) => sum + w, 0);
    });
    expectClose(tf.sum(kept!, 1), expected);
  });

  it('does not mind the order of the neighbours', () => {
    const { plugin, io, total } = random();
    const order = tf.tensor1d([2, 0, 1], 'int32');
    const reordered = Object.entries(io.features).map(([name, t]) => [
      name,
      name.startsWith('keys/') ? t : tf.gather(t, order, 1),
    ]);
    const features = { ...io.features, ...Object.fromEntries(reordered) };
    expectClose(scoreTerms(plugin.edit!(io.hostTerms, { ...io, features })).total, total);
  });

  it('sends no gradient to the bank', () => {
    const bank = seededTensor<tf.Rank.R2>([12, 5], 50);
    const loss = (rows: tf.Tensor) => {
      const state = { ...bankOf(bank), 'bank/keys': rows } as unknown as State;
      return tf.add(random({}, randomRows(4), { state }).total, tf.mul(0, tf.sum(rows))) as tf.Scalar;
    };
    expect(values(tf.grad(loss)(bank)).every((g) => g === 0)).toBe(true);
  });

  it('gives at most the code’s loss in the paper’s form, and at least 0', () => {
    for (const seed of [1, 2, 3, 4, 5]) {
      const [code, inLog] = (['code', 'inLog'] as const).map(
        (lossForm) => random({ lossForm }, randomRows(seed)).total,
      );
      expect(values(inLog!)[0]).toBeGreaterThanOrEqual(0);
      expect(values(inLog!)[0]).toBeLessThanOrEqual(values(code!)[0]!);
    }
  });

  it('gives the same loss again while nothing is written, and changes n rows to the keys of view 2 when it is', () => {
    const rows = randomRows(6);
    const state = bankOf(seededTensor<tf.Rank.R2>([12, 5], 50), { pointer: 4 });
    const [once, twice] = [1, 2].map(() => random({}, rows, { state, ids: [7, 8, 9, 10], labels: [0, 1, 0, 1] }));
    expect(values(twice!.total)).toEqual(values(once!.total));
    const before = values(state['bank/keys']!);
    once!.plugin.commit!(once!.io);
    const after = values(state['bank/keys']!);
    expect(after.slice(20, 40)).toEqual(values(rows.k2));
    expect([...after.slice(0, 20), ...after.slice(40)]).toEqual([...before.slice(0, 20), ...before.slice(40)]);
    expect(values(state['bank/ids']!)).toEqual([-1, -1, -1, -1, 7, 8, 9, 10, -1, -1, -1, -1]);
    expect(values(state['bank/keys/pointer']!)).toEqual([8]);
  });

  it('stores keys of view 1 or of both, if asked', () => {
    const rows = randomRows(7);
    const stored = (enqueue: 'view1' | 'both') => {
      const state = bankOf(tf.zeros([12, 5]));
      const { plugin, io } = random({ enqueue }, rows, { state });
      plugin.commit!(io);
      return values(state['bank/keys']!);
    };
    expect(stored('view1').slice(0, 20)).toEqual(values(rows.k1));
    expect(stored('both').slice(0, 40)).toEqual([...values(rows.k1), ...values(rows.k2)]);
  });

  it('hides a row that is the image’s own neighbour from its negatives, if asked', () => {
    // In example A the row at 40° is a neighbour of both images: columns 3 and 7.
    const [plain, deduped] = [false, true].map((dedupeNegatives) => {
      const [, foreign] = example({ dedupeNegatives }).terms[0]!.comparisons[0]!.negatives;
      return values(foreign!.mask!);
    });
    expect(plain).toEqual([0, 0, 0, 1, 1, 1, 1, 1, 1, 0, 0, 0]);
    expect(deduped).toEqual([0, 0, 0, 1, 1, 0, 1, 1, 0, 0, 0, 0]);
  });

  it('leaves the other images’ neighbours out of the negatives, if asked', () => {
    const { negatives } = example({ neighboursAsNegatives: false }).terms[0]!.comparisons[0]!;
    expect(negatives.map((b) => b.rows.shape)).toEqual([[2, 2]]);
  });

  it('looks neighbours up by the projection, and leaves the image itself out, if asked', () => {
    const byProjection = example({ query: 'online' }).io.features['places/view1']!;
    expect(values(byProjection).slice(0, 3)).toEqual([1, 2, 0]); // of y₁ at 20°: 15°, 40°, −30°
    const state = bankOf(exampleBank(), { ids: [4, 5, 4, 6, 7, 8] });
    const excluded = example({ excludeSelf: true }, { state, ids: [4, 6] }).io.features['places/view1']!;
    expect(values(excluded).slice(0, 1)).toEqual([1]);
    expect(values(excluded).slice(3, 5)).toEqual([4, 2]);
  });

  it('keeps the first direction only, if asked', () => {
    const { terms, total } = example({ symmetric: false });
    expect(terms[0]!.comparisons.length).toBe(1);
    expectClose(total, 1.190942);
  });

  it('takes the nearest neighbour alone with `nearest`', () => {
    const { terms, io } = example({ weighting: 'nearest', neighbours: 5 });
    expect(io.features['places/view1']!.shape).toEqual([2, 1]);
    expect(values(terms[0]!.comparisons[0]!.positives.weights!)).toEqual([1, 1, 1, 1]);
  });

  it('gives weighted positives where the objective has no negatives', () => {
    const { terms, scored } = example({}, { objective: cosine(0, -1), share: 1 / 2 });
    const [c] = terms[0]!.comparisons;
    expect(c!.negatives).toEqual([]);
    const [own, ...others] = [10, 5, 40, 30].map((a) => Math.cos((a * Math.PI) / 180)); // z₁ at 10° to 0° and 15°, −30°, 40°
    const weights = [0.377735, 0.26528, 0.356984];
    const mean = (own! + others.reduce((sum, s, i) => sum + s * weights[i]!, 0)) / 2;
    expectClose(tf.slice(scored[0]!.comparisons[0]!.losses, 0, 1), -mean);
  });

  it('widens what an earlier plug-in edited, and refuses what it can no longer match to the host', () => {
    const plugin = snclr({ neighbours: 3, bankSize: 6 });
    const io = ioOf({ rows: exampleRows(), state: bankOf(exampleBank()), temperature: 0.2 });
    const features = plugin.encode!(io);
    const change = (list: Term['comparisons']): readonly Term[] => [{ ...io.hostTerms[0]!, comparisons: list }];
    const [first, second] = io.hostTerms[0]!.comparisons;
    const moved = { ...first!, anchors: atAngles(1, 2) };
    const widened = plugin.edit!(change([moved, second!]), { ...io, features })[0]!.comparisons[0]!;
    expect(widened.anchors).toBe(moved.anchors);
    expect(widened.positives.rows.shape).toEqual([2, 4, 2]);
    const refuses = (terms: readonly Term[], message: string) => {
      const run = () => plugin.edit!(terms, { ...io, features });
      expect(run).toThrow(message);
      expect(run).toThrow(expect.objectContaining({ code: 'INCOMPATIBLE', hint: expect.any(String) }));
    };
    refuses(change([first!]), "term global was changed so that its comparisons are not the host's");
    const shared = { ...first!, positives: { kind: 'shared' as const, rows: atAngles(1, 2) } };
    refuses(change([shared, second!]), 'the positives of view1 → view2 are shared by all anchors');
    refuses([{ ...io.hostTerms[0]!, name: 'other' }], 'no loss term called global; there are: other');
  });

  it('trains the host alone while the bank fills, if asked', () => {
    const phase = (options: SnclrOptions, step: number, epoch = 1) =>
      snclr({ neighbours: 2, bankSize: 10, ...options }).phase!(
        { step, epoch, epochs: 9, stepsPerEpoch: 9 },
        hostInfo(),
      );
    expect(phase({}, 0)).toBe('on');
    expect([0, 2, 3].map((s) => phase({ bankWarmup: 'full' }, s))).toEqual(['filling', 'filling', 'on']);
    expect([0, 1, 2].map((s) => phase({ bankWarmup: 'full', enqueue: 'both' }, s))).toEqual([
      'filling',
      'filling',
      'on',
    ]);
    expect([1, 2, 3].map((e) => phase({ bankWarmup: 2 }, 0, e))).toEqual(['filling', 'filling', 'on']);
    const { terms, io, plugin } = step({}, { rows: exampleRows(), state: bankOf(exampleBank()) }, 'filling');
    expect(terms).toBe(io.hostTerms);
    expect(plugin.observe!([], io)).toEqual({});
    plugin.commit!(io);
    expectClose(tf.slice(io.state['bank/keys'] as unknown as tf.Tensor2D, 0, 2), exampleRows().k2);
  });

  it('allocates a bank, and maps that are trained if they are learned', () => {
    const learned = snclr({ neighbours: 2, bankSize: 10, positiveness: 'learned', lossForm: 'inLog' });
    const state = learned.init!(hostInfo(), Rng.create(1));
    expect(Object.keys(state).filter((name) => state[name]!.trainable)).toEqual(['maps/f1', 'maps/f2']);
    expect(state['bank/keys']!.shape).toEqual([10, 5]);
    tf.dispose(Object.values(state));
  });

  it('refuses the paper’s form on hosts without negatives', () => {
    const run = () => snclr({ lossForm: 'inLog' }).init!(hostInfo({ negativeRows: { global: 0 } }), Rng.create(1));
    expect(run).toThrow('[snclr] lossForm inLog needs negatives, but term global of this host has none.');
  });

  it('reports purity, distinct neighbours and the entropy of the weights', () => {
    const state = bankOf(exampleBank(), { labels: [0, 1, 1, 1, 0, -1] });
    const { plugin, io, scored } = example({}, { state, labels: [1, 1] });
    const metrics = plugin.observe!(scored, io);
    // Neighbours of view 1's images: 1 0 2 and 3 4 2, of view 2's: 2 1 3 and 3 2 4; classes 1 0 1, 1 0 1, 1 1 1, 1 1 0.
    expectClose(metrics.purity!, 9 / 12);
    expectClose(metrics.distinct!, 5 / 12);
    expect(values(metrics.weightEntropy!)[0]).toBeLessThan(Math.log(3));
    expect(values(metrics.weightEntropy!)[0]).toBeGreaterThan(0.9 * Math.log(3));
  });
});
