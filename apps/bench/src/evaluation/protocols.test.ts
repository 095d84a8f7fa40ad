import { Rng } from '@contrastive/core';
import { useWasmBackend } from '@contrastive/engine';
import { beforeAll, describe, expect, it } from 'vitest';
import { chooseProtocols } from './evaluate-encoder.js';
import type { EvaluationImages } from './image-subset.js';
import type { EvaluationSets } from './open-sets.js';
import { leadingDirections } from './pixel-pca.js';
import { type ProtocolContext, protocolNames, protocolOf } from './protocols.js';

beforeAll(useWasmBackend);

const images = (
  name: string,
  labels: readonly number[] | undefined,
  count = labels?.length ?? 4,
): EvaluationImages => ({
  count,
  labels: labels === undefined ? undefined : Int32Array.from(labels),
  fingerprint: name,
  read: async () => ({ data: new Uint8Array(3), width: 1, height: 1 }),
  nameOf: (id) => `${name}/${id}.png`,
});

/** Features whose first column is the class of row i by `labels`, plus noise. */
function context(train: readonly number[], test: readonly number[], spoil = false): ProtocolContext {
  const sets: EvaluationSets = {
    ...{ train: images('train', train), test: images('test', test), classNames: [], notes: [] },
    close: async () => undefined,
  };
  const features = async ({ labels, count, fingerprint }: EvaluationImages) => {
    const rng = Rng.create(1).fork(fingerprint);
    const data = Float32Array.from({ length: count * 3 }, (_, i) =>
      i % 3 === labels![Math.floor(i / 3)]! ? 5 : 0.1 * rng.normal(),
    );
    if (spoil) data[4] = Number.NaN;
    return { data, rows: count, dim: 3 };
  };
  const augmented = () => Promise.reject(new Error('not here'));
  const subject = { name: 'test', encoder: undefined, features, augmented, dispose: () => undefined };
  return { sets, subject, runtime: { name: 'none' } as ProtocolContext['runtime'], seed: 0, say: () => undefined };
}

const train = Array.from({ length: 30 }, (_, i) => i % 3);

describe('protocols on features', () => {
  it.each(['knn', 'plain-knn', 'linear', 'logistic', 'logistic-sweep', 'ridge', 'class-mean'])(
    '%s finds classes that lie apart, with a binomial interval',
    async (name) => {
      const [row] = await protocolOf(name).run({ ...context(train, [0, 1, 2, 2]), epochs: 600 });
      expect(row).toMatchObject({ metric: 'top-1', value: 1, n: 4, intervalOver: 'test images', isShare: true });
      expect(row!.interval![0]).toBeCloseTo(4 / (4 + 1.96 ** 2), 6); // Wilson at 4 of 4
    },
  );

  it('svm reports mAP for as many shots as every class has', async () => {
    const rows = await protocolOf('svm').run(context(train, [0, 1, 2]));
    expect(rows.map((r) => r.name)).toEqual([1, 2, 4, 8].map((k) => `low-shot SVM, ${k} a class, C=0.5`));
    expect(rows[0]).toMatchObject({
      metric: 'mAP',
      n: 5,
      intervalOver: 'draws',
      note: expect.stringContaining('10 images'),
    });
  });

  it('svm:full trains once on all labels', async () => {
    const rows = await protocolOf('svm:full').run(context(train, [0, 1, 2]));
    expect(rows).toEqual([
      expect.objectContaining({ name: 'SVM on all labels, C=0.5', value: 1, interval: undefined }),
    ]);
  });

  it('a K above the bank means the whole bank, and the result says so', async () => {
    const [row] = await protocolOf('knn').run({ ...context(train, [0, 1]), k: 200 });
    expect(row).toMatchObject({
      name: 'kNN-30 cosine T=0.1',
      note: 'K 200 is larger than the bank: all 30 are neighbours',
    });
  });

  it.each(['knn', 'linear', 'logistic', 'svm', 'metrics'])('%s names the row of a NaN feature', async (name) => {
    await expect(protocolOf(name).run(context(train, [0, 1, 2], true))).rejects.toMatchObject({ code: 'NOT_FINITE' });
  });

  it.each(['linear', 'logistic', 'ridge'])('%s refuses training images of one class', async (name) => {
    await expect(protocolOf(name).run(context([1, 1, 1, 1, 1], [1]))).rejects.toThrow(/two classes are needed/);
  });

  it('count a class absent from the test images, which changes nothing for the others', async () => {
    const [row] = await protocolOf('logistic').run(context(train, [2, 2]));
    expect(row).toMatchObject({ value: 1, n: 2 });
  });

  it('metrics without a network have neither alignment nor LiDAR, but neighbour purity where labels are', async () => {
    const metrics = (await protocolOf('metrics').run(context(train, train))).map((r) => r.metric);
    expect(metrics).toContain('RankMe');
    expect(metrics).toContain('purity of 20 neighbours');
    expect(metrics).not.toContain('alignment');
  });
});

describe('protocolOf', () => {
  it('takes variants and suggests the nearest name', () => {
    expect(protocolOf('linear:moco').name).toBe('linear:moco');
    expect(() => protocolOf('logistc')).toThrow(/no protocol called logistc/);
    expect(() => protocolOf('linear:mocco')).toThrow(expect.objectContaining({ hint: 'Did you mean moco?' }));
    expect(() => protocolOf('ridge:x')).toThrow(/has no variants/);
    expect(protocolNames).toContain('semi');
  });
});

describe('chooseProtocols', () => {
  const unlabelled = { ...context(train, [0]).sets, test: undefined };
  it('falls back to what needs no labels, unless others were asked for', () => {
    expect(chooseProtocols(undefined, unlabelled, 'photos')).toEqual(['metrics']);
    expect(() => chooseProtocols(['metrics', 'knn'], unlabelled, 'photos')).toThrow(/photos has no labels.*knn need/);
    expect(chooseProtocols(['knn'], context(train, [0]).sets, 'photos')).toEqual(['knn']);
  });
});

describe('leadingDirections', () => {
  it('finds the components of rows with a known covariance', async () => {
    const rng = Rng.create(3);
    const scales = [8, 4, 2, 1, 0.1, 0.1, 0.1, 0.1];
    const data = Float32Array.from({ length: 400 * 8 }, (_, i) => 3 + scales[i % 8]! * rng.normal());
    const rows = { data, rows: 400, dim: 8 };
    const { project, components, explained } = await leadingDirections(rows, 3);
    expect(components).toBe(3);
    expect(explained[0]! / explained[1]!).toBeGreaterThan(3);
    const projected = await project(rows);
    const variance = (c: number) => projected.data.filter((_, i) => i % 3 === c).reduce((s, v) => s + v * v, 0) / 400;
    for (const [c, scale] of [8, 4, 2].entries()) expect(Math.sqrt(variance(c)) / scale).toBeCloseTo(1, 0.7);
  });
});
