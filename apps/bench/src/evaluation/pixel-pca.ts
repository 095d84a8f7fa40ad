import { createEvaluationLoader } from '@contrastive/augment/loader';
import { Rng, SslError } from '@contrastive/core';
import { applyPca, columnMeans, type FeatureMatrix, fitPca, shiftRows, takeRows } from '@contrastive/evaluate';
import * as tf from '@tensorflow/tfjs-core';
import type { EncoderMeta } from '../encoder-file.js';
import type { EvaluationImages } from './image-subset.js';
import type { Subject } from './subject.js';

/** Components that are kept (spec "evaluation" section 10). */
export const PIXEL_COMPONENTS = 128;
/** Columns beyond those wanted, and rounds of the power method: enough for the variance along the last wanted direction to settle. */
const EXTRA = 32;
const ROUNDS = 12;
/** Rows that the directions are fitted on. */
const FIT_ROWS = 10_000;

/**
 * Raw pixels of images of `side` pixels, projected on the leading principal components of the training images: what a representation
 * must beat to be worth anything.
 */
export async function pixelSubject(
  meta: Pick<EncoderMeta, 'side' | 'mean' | 'std'>,
  train: EvaluationImages,
): Promise<Subject> {
  const pixels = await pixelsOf(meta, train);
  const { project, components } = await leadingDirections(pixels, PIXEL_COMPONENTS);
  return {
    name: `raw pixels, PCA ${components}`,
    encoder: undefined,
    features: async (images) => project(images === train ? pixels : await pixelsOf(meta, images)),
    augmented: () => {
      throw new SslError('USAGE', 'Raw pixels have no augmented features.');
    },
    dispose: () => undefined,
  };
}

async function pixelsOf(
  { side, mean, std }: Pick<EncoderMeta, 'side' | 'mean' | 'std'>,
  source: EvaluationImages,
): Promise<FeatureMatrix> {
  const dim = side * side * 3;
  const data = new Float32Array(source.count * dim);
  const batch = Math.min(250, source.count);
  const loader = await createEvaluationLoader({ source, side, batch, normalization: { mean, std } });
  try {
    for await (const loaded of loader.epoch(1)) {
      data.set(loaded.images.view1!.data, loaded.step * batch * dim);
      loaded.release();
    }
  } finally {
    await loader.close();
  }
  return { data, rows: source.count, dim };
}

/**
 * Principal components of wide rows: block power method  Q ← orth(Xᵀ(X·Q))  on the tensor backend, then an exact PCA within the space of Q.
 * The covariance itself (3,072 × 3,072 at 32 pixels) would take minutes to decompose.
 */
export async function leadingDirections(rows: FeatureMatrix, wanted: number) {
  const used = Math.min(rows.rows, FIT_ROWS);
  const sample = takeRows(
    rows,
    Array.from({ length: used }, (_, i) => Math.floor((i * rows.rows) / used)),
  );
  const mean = columnMeans(sample);
  const width = Math.min(wanted + EXTRA, rows.dim, used - 1);
  const centred = shiftRows(sample, mean);
  const rng = Rng.create(0).fork('pixel-pca');
  let basis = orthonormal(
    Float32Array.from({ length: rows.dim * width }, () => rng.normal()),
    rows.dim,
    width,
  );
  const x = tf.tensor2d(centred.data, [used, rows.dim]);
  for (let round = 0; round < ROUNDS; round++) {
    const next = tf.tidy(() => tf.matMul(x, tf.matMul(x, tf.tensor2d(basis, [rows.dim, width])), true));
    basis = orthonormal((await next.data()) as Float32Array, rows.dim, width);
    next.dispose();
  }
  x.dispose();
  const within = fitPca(await onto(centred, basis, width), Math.min(wanted, width));
  const project = async (matrix: FeatureMatrix): Promise<FeatureMatrix> =>
    applyPca(within, await onto(shiftRows(matrix, mean), basis, width));
  return { project, components: within.components, explained: within.explained };
}

/** Rows times basis, [rows, width]. */
async function onto({ data, rows, dim }: FeatureMatrix, basis: Float32Array, width: number): Promise<FeatureMatrix> {
  const product = tf.tidy(() => tf.matMul(tf.tensor2d(data, [rows, dim]), tf.tensor2d(basis, [dim, width])));
  const projected = (await product.data()) as Float32Array;
  product.dispose();
  return { data: projected, rows, dim: width };
}

/** Orthonormal columns of a [rows, columns] matrix, by Gram-Schmidt done twice in float64. */
function orthonormal(matrix: Float32Array, rows: number, columns: number): Float32Array {
  const columnsOf = Array.from({ length: columns }, (_, c) =>
    Float64Array.from({ length: rows }, (_, r) => matrix[r * columns + c]!),
  );
  const dot = (a: Float64Array, b: Float64Array) => a.reduce((sum, v, i) => sum + v * b[i]!, 0);
  const kept: Float64Array[] = [];
  for (const column of columnsOf) {
    for (let pass = 0; pass < 2; pass++) {
      for (const other of kept) {
        const share = dot(column, other);
        for (let r = 0; r < rows; r++) column[r]! -= share * other[r]!;
      }
      const norm = Math.sqrt(dot(column, column)) || 1;
      for (let r = 0; r < rows; r++) column[r]! /= norm;
    }
    kept.push(column);
  }
  const out = new Float32Array(rows * columns);
  for (const [c, column] of kept.entries()) for (let r = 0; r < rows; r++) out[r * columns + c] = column[r]!;
  return out;
}
