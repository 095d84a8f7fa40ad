import { type HostTensor, SslError } from '@contrastive/core';
import * as tf from '@tensorflow/tfjs-core';
import type { FeatureMatrix, LabelledFeatures } from '../features.js';

/** Images of one batch, already resized, cropped and normalised as in pre-training (test view, no augmentation). */
export interface ImageBatch {
  /** [n, side, side, 3]. */
  readonly images: HostTensor<tf.Rank.R4>;
  /** Class of every image, n; all batches have them or none. */
  readonly labels?: ArrayLike<number>;
}

/**
 * An encoder in evaluation mode: images [n, side, side, 3] to pooled features [n, dim] *before* the projection head. It neither
 * keeps nor disposes its input; what else it allocates is freed.
 */
export type Encode = (images: tf.Tensor4D) => tf.Tensor2D;

/**
 * Pooled features of all images, batch by batch, in order. Only the features stay in memory.
 *
 * A batch smaller than the first (the tail) is filled up with zeros and its surplus rows dropped, so `encode` sees one shape and a
 * recorded or compiled encoder can be used; in evaluation mode no row depends on the others.
 *
 * @returns features, and labels if the batches have them.
 * @throws SslError `DATA` (no images, labels on some batches only or too few); `SHAPE_MISMATCH` (a batch larger than the first, other
 * image sizes, features that are not [n, dim]); `NOT_FINITE` if features are NaN or infinite.
 * Source: spec "evaluation" section 1.
 */
export async function extractFeatures(
  encode: Encode,
  batches: AsyncIterable<ImageBatch> | Iterable<ImageBatch>,
): Promise<FeatureMatrix & { readonly labels: Int32Array | undefined }> {
  const parts: Float32Array[] = [];
  const labels: number[] = [];
  let [rows, dim] = [0, 0];
  let shape: readonly number[] | undefined;
  for await (const batch of batches) {
    shape ??= batch.images.shape;
    checkBatch(shape, batch, rows === 0 ? undefined : labels.length > 0);
    const features = await encodeBatch(encode, batch.images, shape[0]!);
    if (rows > 0 && features.dim !== dim) {
      throw new SslError('SHAPE_MISMATCH', `extractFeatures: the encoder gave ${dim} columns, then ${features.dim}.`);
    }
    dim = features.dim;
    parts.push(features.data);
    rows += batch.images.shape[0];
    for (let i = 0; i < (batch.labels?.length ?? 0); i++) labels.push(batch.labels![i]!);
  }
  if (rows === 0) throw new SslError('DATA', 'extractFeatures: there are no images.');
  return {
    data: joined(parts, rows * dim),
    rows,
    dim,
    labels: labels.length > 0 ? Int32Array.from(labels) : undefined,
  };
}

/** {@link extractFeatures} of labelled images. @throws SslError `DATA` also if labels are missing. */
export async function extractLabelled(
  encode: Encode,
  batches: AsyncIterable<ImageBatch> | Iterable<ImageBatch>,
): Promise<LabelledFeatures> {
  const { labels, ...features } = await extractFeatures(encode, batches);
  if (labels === undefined) throw new SslError('DATA', 'extractLabelled: the images have no labels.');
  return { ...features, labels };
}

async function encodeBatch(encode: Encode, images: HostTensor<tf.Rank.R4>, size: number): Promise<FeatureMatrix> {
  const [n, height, width, channels] = images.shape;
  const output = tf.tidy(() => {
    const given = tf.tensor4d(images.data, images.shape);
    const filled = n === size ? given : tf.concat([given, tf.zeros([size - n, height, width, channels])], 0);
    const features = encode(filled as tf.Tensor4D);
    if (features.rank !== 2 || features.shape[0] !== size) {
      throw new SslError(
        'SHAPE_MISMATCH',
        `extractFeatures: the encoder gave [${features.shape}] for ${size} images, but must give [${size}, dim].`,
        { hint: 'Pass pooled features: global average pool for a ResNet, the class token for a ViT.' },
      );
    }
    return n === size ? features : (tf.slice(features, [0, 0], [n, -1]) as tf.Tensor2D);
  });
  const data = new Float32Array((await output.data()) as Float32Array);
  output.dispose();
  const bad = data.findIndex((v) => !Number.isFinite(v));
  const dim = output.shape[1];
  if (bad >= 0) {
    throw new SslError(
      'NOT_FINITE',
      `extractFeatures: image ${Math.floor(bad / dim)} of a batch has the feature ${data[bad]}.`,
      {
        hint: 'The encoder diverged. Evaluate an earlier checkpoint.',
      },
    );
  }
  return { data, rows: n, dim };
}

function checkBatch(first: readonly number[], { images, labels }: ImageBatch, labelsBefore: boolean | undefined): void {
  const [size, ...image] = first;
  const [n, ...given] = images.shape;
  if (String(given) !== String(image) || n > size! || n < 1) {
    throw new SslError(
      'SHAPE_MISMATCH',
      `extractFeatures: a batch is [${images.shape}] after one of [${first}], but must be at most as large, of the same image size.`,
    );
  }
  const hasLabels = labels !== undefined;
  if ((hasLabels && labels.length !== n) || (labelsBefore !== undefined && labelsBefore !== hasLabels)) {
    const found = labels?.length ?? 'no';
    throw new SslError(
      'DATA',
      `extractFeatures: a batch of ${n} images has ${found} labels, but all images must have one, or none.`,
    );
  }
}

function joined(parts: readonly Float32Array[], size: number): Float32Array {
  const all = new Float32Array(size);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
