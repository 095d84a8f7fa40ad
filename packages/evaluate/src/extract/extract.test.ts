import '@tensorflow/tfjs-backend-cpu';
import { hostTensor } from '@contrastive/core';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { type Encode, extractFeatures, extractLabelled, type ImageBatch } from './extract.js';

/** `count` images of 2 × 2 × 3, image i filled with first + i. */
const images = (count: number, first: number) =>
  hostTensor<tf.Rank.R4>(
    [count, 2, 2, 3],
    Float32Array.from({ length: count * 12 }, (_, i) => first + Math.floor(i / 12)),
  );
const meanPool: Encode = (x) => tf.mean(x, [1, 2]) as tf.Tensor2D;

async function* batches(...list: readonly ImageBatch[]): AsyncGenerator<ImageBatch> {
  yield* list;
}

describe('extractFeatures', () => {
  it('joins batches in order, the tail included, and shows the encoder one shape', async () => {
    const seen: number[] = [];
    const encode: Encode = (x) => {
      seen.push(x.shape[0]);
      return meanPool(x);
    };
    const before = tf.memory().numTensors;
    const found = await extractLabelled(
      encode,
      batches(
        { images: images(3, 0), labels: [5, 6, 7] },
        { images: images(3, 3), labels: [1, 1, 1] },
        { images: images(1, 6), labels: Int32Array.of(0) },
      ),
    );
    expect(tf.memory().numTensors).toBe(before);
    expect(seen).toEqual([3, 3, 3]);
    expect(found).toMatchObject({ rows: 7, dim: 3 });
    expect([...found.data]).toEqual([0, 1, 2, 3, 4, 5, 6].flatMap((v) => [v, v, v]));
    expect([...found.labels]).toEqual([5, 6, 7, 1, 1, 1, 0]);
  });

  it('works without labels and on plain lists', async () => {
    expect(await extractFeatures(meanPool, [{ images: images(2, 0) }])).toMatchObject({ rows: 2, labels: undefined });
    await expect(extractLabelled(meanPool, [{ images: images(2, 0) }])).rejects.toMatchObject({ code: 'DATA' });
  });

  it('refuses no images, larger and differently sized batches, and labels that do not fit', async () => {
    await expect(extractFeatures(meanPool, [])).rejects.toThrow(/no images/);
    await expect(extractFeatures(meanPool, [{ images: images(1, 0) }, { images: images(2, 0) }])).rejects.toMatchObject(
      {
        code: 'SHAPE_MISMATCH',
      },
    );
    const wide = hostTensor<tf.Rank.R4>([1, 2, 3, 3], new Float32Array(18));
    await expect(extractFeatures(meanPool, [{ images: images(1, 0) }, { images: wide }])).rejects.toThrow(
      /\[1,2,3,3\] after/,
    );
    await expect(extractFeatures(meanPool, [{ images: images(2, 0), labels: [1] }])).rejects.toThrow(
      /2 images has 1 labels/,
    );
    const half = [{ images: images(1, 0), labels: [1] }, { images: images(1, 0) }];
    await expect(extractFeatures(meanPool, half)).rejects.toThrow(/no labels/);
    await expect(extractFeatures(meanPool, [...half].reverse())).rejects.toMatchObject({ code: 'DATA' });
  });

  it('refuses maps in place of pooled features, changing widths and NaN', async () => {
    await expect(extractFeatures((x) => x as never, [{ images: images(1, 0) }])).rejects.toThrow(
      /must give \[1, dim\]/,
    );
    let width = 1;
    const growing: Encode = (x) => tf.zeros([x.shape[0], width++]);
    await expect(extractFeatures(growing, [{ images: images(1, 0) }, { images: images(1, 0) }])).rejects.toThrow(
      /1 columns, then 2/,
    );
    const nan: Encode = (x) => tf.fill([x.shape[0], 2], Number.NaN) as tf.Tensor2D;
    await expect(extractFeatures(nan, [{ images: images(1, 0) }])).rejects.toMatchObject({ code: 'NOT_FINITE' });
  });
});
