import { Rng, type SharedBlock, SslError, type StepInfo, scoreTerms, type Term } from '@contrastive/core';
import { expectClose, expectGradients, seededRows } from '@contrastive/testing';
import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { contrast, drawsOf, example1, hostInfo, ioOf, randomContrast, totalLoss } from '../test/contrast.js';
import { ft } from './ft.js';
import type { FtOptions } from './options.js';

const halves = { lambdaEx: 1.5, lambdaIn: 0.25, order: [1, 2, 0] };
const edited = (terms: readonly Term[], options: FtOptions = {}, draws: Parameters<typeof drawsOf>[0] = halves) =>
  ft(options).edit!(terms, ioOf(terms, drawsOf(draws)));
const lossesOf = (terms: readonly Term[]) => scoreTerms(terms).scored[0]!.comparisons[0]!.losses;
const values = (t: tf.Tensor) => Array.from(t.dataSync());

describe('ft on MoCo: worked example E1 of spec "ft"', () => {
  it('starts from the host’s loss of 0.511255', () => {
    expectClose(lossesOf(contrast(example1())), [0.326652, 0.695858]);
    expectClose(totalLoss(contrast(example1())), 0.511255);
  });

  it.each([
    ['both halves', {}, [0.524449, 0.759231], 0.64184],
    ['positives only', { target: 'pos' }, [2.129149, 1.33328], 1.731215],
    ['negatives only', { target: 'neg' }, [0.085253, 0.237059], 0.161156],
    ['both, unit positives', { postNorm: 'pos' }, [0.689903, 0.914994], 0.802449],
  ] as const)('gives the losses of %s', (_, options, losses, mean) => {
    const terms = edited(contrast(example1()), options);
    expectClose(lossesOf(terms), losses);
    expectClose(totalLoss(terms), mean, { abs: 2e-6 });
  });

  it.each([
    [{}, [-0.215092, -2.23747, 1.487703, -0.685168]],
    [{ detachPositive: true }, [-0.776255, -2.084425, 0.889232, -1.150645]],
  ])('gives the gradient of the queries with %j', (options, expected) => {
    const loss = (q: tf.Tensor) => totalLoss(edited(contrast({ ...example1(), anchors: q as tf.Tensor2D }), options));
    expectClose(tf.grad(loss)(example1().anchors), expected, { rel: 1e-5 });
  });

  it('gives the element-wise loss of E2', () => {
    const host = contrast({
      anchors: tf.tensor2d([[2 / 3, 1 / 3, 2 / 3]]),
      positives: tf.tensor2d([[1 / 3, 2 / 3, 2 / 3]]),
      queue: tf.tensor2d([1, 0, 0, 0, 0.6, 0.8, 0, -1, 0], [3, 3]),
      temperature: 0.07,
    });
    const draws = {
      lambdaEx: tf.tensor2d([[1.2, 1.5, 1.9]]),
      lambdaIn: tf.tensor2d([0.1, 0.5, 0.9, 0.3, 0.3, 0.3, 0.8, 0.2, 0.6], [3, 3]),
      order: [2, 0, 1],
    };
    expectClose(totalLoss(host), 0.139917);
    expectClose(totalLoss(edited(host, {}, draws)), 0.292989, { abs: 2e-6 });
  });
});

describe('ft', () => {
  const seeds = fc.integer({ min: 0, max: 10_000 });
  const orders = fc.shuffledSubarray([0, 1, 2, 3, 4, 5, 6, 7], { minLength: 8 });
  const runs = { numRuns: 30 };

  it('never raises the loss when only negatives are mixed with one factor (exp is convex)', () => {
    fc.assert(
      fc.property(seeds, fc.double({ min: 0, max: 1, noNaN: true }), orders, (seed, lambdaIn, order) => {
        const host = contrast(randomContrast(seed));
        const difference = tf.sub(lossesOf(edited(host, { target: 'neg' }, { lambdaIn, order })), lossesOf(host));
        expect(Math.max(...values(difference))).toBeLessThanOrEqual(1e-5);
      }),
      runs,
    );
  });

  it('never lowers the loss when only positives are pushed apart and negatives meet the original anchor', () => {
    fc.assert(
      fc.property(seeds, fc.double({ min: 1, max: 2, noNaN: true }), (seed, lambdaEx) => {
        const host = contrast(randomContrast(seed));
        const options = { target: 'pos', negativesScoredWith: 'original' } as const;
        const difference = tf.sub(lossesOf(edited(host, options, { lambdaEx })), lossesOf(host));
        expect(Math.min(...values(difference))).toBeGreaterThanOrEqual(-1e-5);
      }),
      runs,
    );
  });

  it('gives loss and gradients of the host bit for bit with neutral coefficients', () => {
    const given = randomContrast(4);
    const order = [3, 1, 0, 2, 7, 6, 4, 5];
    const gradients = (change: (terms: readonly Term[]) => readonly Term[]) =>
      tf.valueAndGrads((q, k, queue) =>
        totalLoss(
          change(contrast({ anchors: q as tf.Tensor2D, positives: k as tf.Tensor2D, queue: queue as tf.Tensor2D })),
        ),
      )([given.anchors, given.positives, given.queue]);
    const [host, neutral] = [gradients((t) => t), gradients((t) => edited(t, {}, { order }))];
    expect(values(neutral.value)).toEqual(values(host.value));
    for (const [i, grad] of neutral.grads.entries()) expect(values(grad)).toEqual(values(host.grads[i]!));
  });

  it('gives the host’s loss for λ_in = 0, the same queue in another order', () => {
    const host = contrast(randomContrast(8));
    const shuffled = edited(host, { target: 'neg' }, { lambdaIn: 0, order: [3, 1, 0, 2, 7, 6, 4, 5] });
    expectClose(totalLoss(shuffled), totalLoss(host));
  });

  it('passes gradient through both moved rows to anchors, and none to a stopped target', () => {
    const given = randomContrast(2, 2, 4, 3);
    const draws = { lambdaEx: 1.4, lambdaIn: 0.3, order: [2, 0, 3, 1] };
    const loss = (q: tf.Tensor, queue: tf.Tensor) =>
      totalLoss(
        edited(
          contrast({ ...given, anchors: q as tf.Tensor2D, queue: queue as tf.Tensor2D, temperature: 1 }),
          {},
          draws,
        ),
      );
    expectGradients((q, queue) => loss(q!, queue!), [given.anchors, given.queue]);
  });

  it('is on from the epoch after startEpoch to endEpoch', () => {
    const phase = (options: FtOptions, epoch: number) =>
      ft(options).phase!({ step: 0, epoch, epochs: 9, stepsPerEpoch: 1 } as StepInfo, hostInfo());
    expect([1, 2, 9].map((e) => phase({}, e))).toEqual(['on', 'on', 'on']);
    expect([1, 2, 3, 4, 5].map((e) => phase({ startEpoch: 2, endEpoch: 4 }, e))).toEqual([
      'off',
      'off',
      'on',
      'on',
      'off',
    ]);
    const host = contrast(example1());
    expect(ft().edit!(host, ioOf(host, drawsOf(halves), 'off'))).toBe(host);
  });

  it('edits the terms it is told to and no others', () => {
    const [global] = contrast(example1());
    const terms = [global!, { ...global!, name: 'dense' }];
    expect(edited(terms)[1]).toBe(terms[1]);
    expect(edited(terms, { terms: ['dense'] })[0]).toBe(terms[0]);
    expect(() => edited(terms, { terms: ['local'] })).toThrow('no loss term called local; there are: global, dense');
  });

  it('moves only the anchor or only the positive, if asked', () => {
    const host = contrast(example1());
    const [anchor] = edited(host, { move: 'anchor' })[0]!.comparisons;
    expectClose(anchor!.anchors, [1.1, -0.3, 0.9, 0.7]);
    expectClose(anchor!.positives.rows, [0.8, 0.6, 0, 1]);
    const [positive] = edited(host, { move: 'positive' })[0]!.comparisons;
    expectClose(positive!.anchors, [1, 0, 0.6, 0.8]);
    expectClose(positive!.positives.rows, [0.7, 0.9, -0.3, 1.1]);
  });

  it('adds the mixed negatives to the originals, if asked', () => {
    const [comparison] = edited(contrast(example1()), { negativeMode: 'append' })[0]!.comparisons;
    expect(comparison!.negatives.map((b) => b.rows.shape)).toEqual([[3, 2], [3, 2]]); // biome-ignore format: short
    expectClose(comparison!.negatives[0]!.rows, example1().queue);
    expectClose(comparison!.negatives[1]!.rows, [-0.75, 0.25, 0.2, -0.6, 0.15, 0.55]);
  });

  it('makes what it moved unit rows again, if asked', () => {
    const [comparison] = edited(contrast(example1()), { postNorm: 'all' })[0]!.comparisons;
    const rows = [comparison!.anchors, comparison!.positives.rows, comparison!.negatives[0]!.rows];
    for (const t of rows) expectClose(tf.norm(t, 2, -1), tf.onesLike(tf.norm(t, 2, -1)));
    const [negatives] = edited(contrast(example1()), { postNorm: 'neg' })[0]!.comparisons;
    expectClose(tf.norm(negatives!.anchors, 2, -1), [Math.sqrt(1.3), Math.sqrt(1.3)]);
  });

  it('takes the positive half with unit rows where the objective is linear in the score: SimSiam', () => {
    const { anchors, positives } = example1();
    const host = contrast({ anchors, positives });
    expectClose(totalLoss(edited(host)), -0.384615);
    expectClose(totalLoss(edited(host, { postNorm: 'off' })), -0.5);
  });

  it('permutes the mask with in-batch negatives: hidden rows stay hidden', () => {
    const given = randomContrast(6, 3, 6, 4);
    const mask = tf.tensor2d([0, 1, 1, 0, 1, 1, 1, 0, 1, 1, 0, 1, 1, 1, 0, 1, 1, 0], [3, 6]);
    const masked = (queue: tf.Tensor2D): readonly Term[] => {
      const [term] = contrast({ ...given, queue });
      const comparisons = term!.comparisons.map((c) => ({
        ...c,
        negatives: [{ kind: 'shared' as const, rows: queue, mask }],
      }));
      return [{ ...term!, comparisons }];
    };
    const order = [1, 2, 3, 4, 5, 0];
    const gradient = tf.grad((queue) =>
      tf.sum(
        tf.slice(lossesOf(edited(masked(queue as tf.Tensor2D), {}, { lambdaEx: 1.5, lambdaIn: 0.4, order })), 0, 1),
      ),
    )(given.queue);
    // Anchor 0 may not see rows 0 and 3: mixed rows 0 (0, 1), 2 (2, 3), 3 (3, 4), 5 (5, 0) are hidden, 1 (1, 2) and 4 (4, 5) count.
    const touched = values(tf.sum(tf.abs(gradient), 1)).map((v) => v > 0);
    expect(touched).toEqual([false, true, true, false, true, true]);
  });

  it('leaves the mask alone with λ_in fixed to 1: nothing is mixed in', () => {
    const mask = tf.tensor2d([0, 1, 1, 1, 0, 1, 1, 1, 0], [3, 3]);
    const [term] = contrast(randomContrast(6, 3, 3, 4));
    const comparisons = term!.comparisons.map((c) => ({
      ...c,
      negatives: [{ ...(c.negatives[0] as SharedBlock), mask }],
    }));
    const [after] = edited([{ ...term!, comparisons }], { target: 'neg', lambdaIn: 1 }, { order: [1, 2, 0] });
    expect(after!.comparisons[0]!.negatives[0]!.mask).toBe(mask);
  });

  it('gives the same output when it edits twice', () => {
    const host = contrast(randomContrast(3));
    const draws = { lambdaEx: 1.7, lambdaIn: 0.2, order: [7, 6, 5, 4, 3, 2, 1, 0] };
    expect(values(totalLoss(edited(host, {}, draws)))).toEqual(values(totalLoss(edited(host, {}, draws))));
  });

  it('says what it needs and lacks', () => {
    const refuses = (run: () => unknown, message: string) => {
      expect(run).toThrow(message);
      expect(run).toThrow(SslError);
      expect(run).toThrow(expect.objectContaining({ code: 'INCOMPATIBLE', hint: expect.any(String) }));
    };
    const host = hostInfo({ negativeRows: { global: 0 } });
    refuses(() => ft({ target: 'neg' }).init!(host, Rng.create(1)), '[ft] target neg mixes negatives, but no term');
    expect(ft().init!(host, Rng.create(1))).toEqual({});
    const [term] = contrast(example1());
    const widened = (rows: tf.Tensor): readonly Term[] => [
      {
        ...term!,
        comparisons: term!.comparisons.map((c) => ({
          ...c,
          positives:
            rows.rank === 3
              ? { kind: 'paired' as const, rows: rows as tf.Tensor3D }
              : { kind: 'shared' as const, rows: rows as tf.Tensor2D },
        })),
      },
    ];
    refuses(() => edited(widened(tf.ones([2, 3, 2]))), 'but view1 → view2 has 3 for each');
    refuses(() => edited(widened(seededRows(6, 2, 1))), 'has 6 rows shared by all');
    refuses(() => edited([term!], {}, { order: [1, 0] }), 'no permutation was drawn for a block of 3 negatives');
    const perRow = { ...halves, lambdaEx: tf.ones([5, 1]) };
    refuses(() => edited([term!], {}, perRow), 'coefficients are [5, 1], but view1 → view2 are [2, 2] rows');
  });
});
