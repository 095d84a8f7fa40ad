import '@tensorflow/tfjs-backend-cpu';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { atAngles, clouds, labelled, matrix } from '../../test/data.js';
import { takeRows } from '../features.js';
import { defaultK, KNN_PRESETS, neighbourQuality, plainKnn, weightedKnn } from './knn.js';
import { nearest } from './nearest.js';
import { classScores } from './vote.js';

const bank = labelled(atAngles(10, -20, 30, 60, 100), [0, 1, 1, 0, 1]);
const test = labelled(atAngles(0), [0]);

describe('worked example A of spec "evaluation" (weighted kNN)', () => {
  it.each([
    [3, 0.07, [1, 0.708176], 0],
    [3, 0.1, [1, 0.941779], 0],
    [3, 1, [1, 1.843888], 1],
    [5, 0.1, [1.007843, 0.941788], 0],
  ])('K = %i, T = %f', async (k, temperature, scores, prediction) => {
    const neighbours = await nearest(bank, test, { k });
    const found = new Float64Array(2);
    classScores(neighbours, 0, bank.labels, { kind: 'exponential', k, temperature }, found);
    expect(found[0]).toBeCloseTo(scores[0]!, 5);
    expect(found[1]).toBeCloseTo(scores[1]!, 5);
    const [result] = await weightedKnn(bank, test, { k: [k], temperature: [temperature] });
    expect([...result!.predictions]).toEqual([prediction]);
    expect(result!.top1.value).toBe(prediction === 0 ? 1 : 0);
  });

  it('plain 5-NN: 2 against 3 votes', async () => {
    const result = await plainKnn(bank, test);
    expect([...result.predictions]).toEqual([1]);
    expect(result.protocol).toBe('5-NN euclidean majority');
  });
});

describe('weightedKnn', () => {
  const train = clouds(120, 6, 6, 0.7, 1);
  const held = clouds(60, 6, 6, 0.7, 1);

  it('gives every pair (K, T) of one pass, each equal to a pass of its own', async () => {
    const all = await weightedKnn(train, held, { k: [1, 5, 20], temperature: [0.05, 0.5] });
    expect(all.map((r) => [r.k, r.temperature])).toEqual([
      [1, 0.05],
      [1, 0.5],
      [5, 0.05],
      [5, 0.5],
      [20, 0.05],
      [20, 0.5],
    ]);
    for (const result of all) {
      const [alone] = await weightedKnn(train, held, { k: [result.k], temperature: [result.temperature!] });
      expect([...alone!.predictions]).toEqual([...result.predictions]);
    }
  });

  it('with K = 1 or T → 0 equals the nearest neighbour, with T → ∞ the majority vote', async () => {
    const neighbours = await nearest(train, held, { k: 15 });
    const first = Array.from({ length: held.rows }, (_, i) => train.labels[neighbours.indices[i * 15]!]!);
    const results = await weightedKnn(train, held, { k: [1, 15], temperature: [1e-6, 1e9] });
    for (const { k, temperature, predictions } of results) {
      if (k === 1 || temperature === 1e-6) expect([...predictions]).toEqual(first);
      else {
        const votes = new Float64Array(6);
        const majority = Array.from({ length: held.rows }, (_, i) => {
          classScores(neighbours, i, train.labels, { kind: 'majority', k: 15 }, votes);
          return votes.indexOf(Math.max(...votes));
        });
        // Weights differ by 1e-9 at T = 1e9, so a tied vote may go to the nearer side: compare the votes reached.
        predictions.forEach((prediction, i) => {
          classScores(neighbours, i, train.labels, { kind: 'majority', k: 15 }, votes);
          expect(votes[prediction]).toBe(votes[majority[i]!]);
        });
      }
    }
  });

  it('does not depend on the order of the bank, and follows a renaming of classes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.shuffledSubarray([...train.labels.keys()], { minLength: 120 }), async (order) => {
        const [a] = await weightedKnn(train, held, { k: [10] });
        const [b] = await weightedKnn(takeRows(train, order), held, { k: [10] });
        expect([...b!.predictions]).toEqual([...a!.predictions]);
        const renamed = { ...train, labels: train.labels.map((c) => 5 - c) };
        const [c] = await weightedKnn(renamed, held, { k: [10] });
        expect([...c!.predictions]).toEqual([...a!.predictions].map((p) => 5 - p));
      }),
      { numRuns: 5 },
    );
  });

  it('does not overflow at T = 0.01', async () => {
    const [result] = await weightedKnn(train, train, { k: [20], temperature: [0.01] });
    expect(result!.top1.value).toBe(1);
  });

  it('uses the whole bank once where K is larger', async () => {
    const results = await weightedKnn(bank, test, { k: [5, 20, 200], temperature: [0.1] });
    expect(results.map((r) => r.k)).toEqual([5]);
    expect(results[0]!.bankSize).toBe(5);
  });

  it('gives top-5 only with five classes and five neighbours', async () => {
    const [few, enough] = await weightedKnn(train, held, { k: [4, 5], temperature: [0.1] });
    expect(few!.top5).toBeUndefined();
    expect(enough!.top5!.value).toBeGreaterThanOrEqual(enough!.top1.value);
    expect((await weightedKnn(bank, test, { k: [5] }))[0]!.top5).toBeUndefined();
  });

  it('counts a test class that the bank lacks as a mistake, and allows a bank of one class', async () => {
    const oneClass = labelled(atAngles(0, 90), [0, 0]);
    const [result] = await weightedKnn(oneClass, labelled(atAngles(5, 80), [0, 3]), { k: [2], temperature: [0.1] });
    expect(result!.top1).toMatchObject({ correct: 1, total: 2 });
  });

  it('weighs by inverse distance under euclidean', async () => {
    const line = labelled([[0], [3], [3.1]], [0, 1, 1]);
    const [result] = await weightedKnn(line, labelled([[1]], [0]), KNN_PRESETS.soloLearnEuclidean);
    // 1/1 = 1 against 1/2 + 1/2.1 = 0.976.
    expect([...result!.predictions]).toEqual([0]);
    expect(result!.temperature).toBeUndefined();
  });

  it('refuses missing labels, NaN, other widths and bad options, all at once', async () => {
    await expect(weightedKnn({ ...bank, labels: Int32Array.of(0) }, test)).rejects.toMatchObject({ code: 'DATA' });
    await expect(weightedKnn(bank, labelled([[1]], [0]))).rejects.toMatchObject({ code: 'SHAPE_MISMATCH' });
    await expect(weightedKnn(bank, labelled([[1, Number.NaN]], [0]))).rejects.toMatchObject({ code: 'NOT_FINITE' });
    const bad = weightedKnn(bank, test, { k: [0], temperature: [-1], epsilon: 0 });
    await expect(bad).rejects.toThrow(/k must be.*\n.*temperature must be.*\n.*epsilon must be/);
    await expect(weightedKnn(bank, test, { k: [] })).rejects.toMatchObject({ code: 'BAD_OPTION' });
    await expect(weightedKnn(bank, test, { temperature: [] })).rejects.toMatchObject({ code: 'BAD_OPTION' });
  });
});

describe('plainKnn', () => {
  it('gives ties to the smallest label', async () => {
    const tied = labelled([[0], [1], [2], [3]], [1, 0, 1, 0]);
    expect([...(await plainKnn(tied, labelled([[1.5]], [0]), { k: 4 })).predictions]).toEqual([0]);
  });

  it('refuses k = 0', async () => {
    await expect(plainKnn(bank, test, { k: 0 })).rejects.toMatchObject({ code: 'BAD_OPTION' });
  });
});

describe('classScores', () => {
  it('refuses a vote of more neighbours than were searched', async () => {
    const neighbours = await nearest(bank, test, { k: 2 });
    expect(() => classScores(neighbours, 0, bank.labels, { kind: 'majority', k: 3 }, new Float64Array(2))).toThrow(
      /needs 3/,
    );
  });
});

describe('defaultK', () => {
  it('is 20 for banks below 10,000 rows', () => {
    expect([defaultK(9_999), defaultK(10_000)]).toEqual([20, 200]);
  });
});

describe('neighbourQuality', () => {
  it('is 1 for pure neighbourhoods', async () => {
    const pure = labelled(atAngles(0, 1, 2, 90, 91, 92), [0, 0, 0, 1, 1, 1]);
    expect(await neighbourQuality(pure, 2)).toEqual({ k: 2, purity: 1, retrievalMap: 1 });
  });

  it('follows its formula on a mixed list', async () => {
    // Row 0 sees 10° (other), 25° (own): purity 1/2, AP = (1/2)/min(2, 1). Row 2 sees 10°, 0°: the same. Row 1's label occurs once.
    const mixed = labelled(atAngles(0, 10, 25), [0, 1, 0]);
    expect(await neighbourQuality(mixed, 2)).toEqual({ k: 2, purity: 0.5, retrievalMap: 0.5 });
  });

  it('needs a label that occurs twice', async () => {
    const single = { ...matrix(atAngles(0, 10)), labels: Int32Array.of(0, 1) };
    await expect(neighbourQuality(single)).rejects.toMatchObject({ code: 'DATA' });
  });
});
