import * as tf from '@tensorflow/tfjs-core';
import { SslError } from './errors.js';
import type { Rng } from './rng.js';

/** First-in-first-out store of fixed size: a key queue (MoCo), a bank of candidates (SNCLR), labels beside either. Lives in a host's or plug-in's state. */
export interface Ring<R extends tf.Rank = tf.Rank.R2> {
  /** [M, d], or [M] int32. */
  readonly rows: tf.Variable<R>;
  /** int32 scalar: the row that is written next, the oldest one of a full ring. */
  readonly pointer: tf.Variable<tf.Rank.R0>;
}

/**
 * A ring of random unit rows (normal, scaled to length 1): the usual start of MoCo's queue and SNCLR's bank.
 *
 * @param options.rows M. @param options.dim d. @param options.rng source of the initial rows.
 */
export function createRing(options: { readonly rows: number; readonly dim: number; readonly rng: Rng }): Ring {
  const { rows, dim, rng } = options;
  const values = new Float32Array(rows * dim);
  for (let start = 0; start < values.length; start += dim) {
    let sum = 0;
    for (let i = start; i < start + dim; i++) {
      const x = rng.normal();
      values[i] = x;
      sum += x * x;
    }
    const scale = 1 / Math.sqrt(sum);
    for (let i = start; i < start + dim; i++) values[i]! *= scale;
  }
  return ringOf(tf.tensor2d(values, [rows, dim]));
}

/** A ring of integers (image ids, labels), all `fill` at first. Default −1: unknown. */
export const createIntRing = (options: { readonly rows: number; readonly fill?: number }): Ring<tf.Rank.R1> =>
  ringOf(tf.fill([options.rows], options.fill ?? -1, 'int32') as tf.Tensor1D);

function ringOf<R extends tf.Rank>(initial: tf.Tensor<R>): Ring<R> {
  const start = tf.scalar(0, 'int32');
  const ring = { rows: tf.variable(initial, false), pointer: tf.variable(start, false) };
  tf.dispose([initial, start]);
  return ring;
}

/**
 * Writes `batch` (n rows, in order) at the pointer and moves the pointer on. Call it in `commit`, after everything was scored.
 *
 * By default M must be a multiple of n. With `overflow: 'wrap'` it need not be: rows that do not fit before the end go to the start,
 * as in MoCo's first code (spec "ft" 2.1). With `'drop'` they are dropped and the pointer returns to 0, as SNCLR's and lightly's
 * code do (spec "snclr" 2.3).
 *
 * @param batch [n, d] for rows of d values, [n] for integers; dtype as the ring's.
 * @throws SslError `SHAPE_MISMATCH` if the rows have another shape; `BAD_OPTION` if M is no multiple of n and `overflow` is `forbid`
 *   (default), or if n > M with `wrap`.
 */
export function enqueue<R extends tf.Rank>(
  ring: Ring<R>,
  batch: tf.Tensor<R>,
  options: { readonly overflow?: 'forbid' | 'wrap' | 'drop' } = {},
): void {
  const [size, ...row] = ring.rows.shape as [number, ...number[]];
  const [n, ...given] = batch.shape as [number, ...number[]];
  if (String(row) !== String(given) || batch.dtype !== ring.rows.dtype) {
    const [want, got] = [`${ring.rows.dtype} [n${row.map((d) => `, ${d}`)}]`, `${batch.dtype} [${batch.shape}]`];
    throw new SslError('SHAPE_MISMATCH', `enqueue: the batch must be ${want}, but is ${got}.`);
  }
  const overflow = size % n === 0 ? 'forbid' : (options.overflow ?? 'forbid');
  if (overflow === 'forbid' || (overflow === 'wrap' && n > size)) requireMultiple('enqueue', 'rows', size, n);
  tf.tidy(() => {
    const { rows, pointer } = ring;
    const order = tf.range(0, n, 1, 'int32');
    const end = int(size - 1);
    const ahead = tf.add(pointer, order);
    // Rows to drop repeat the last one that fits, at its place: writing the same values twice changes nothing.
    const isDropping = overflow === 'drop';
    const places = isDropping ? tf.minimum(ahead, end) : tf.mod(ahead, int(size));
    const written = isDropping ? tf.gather(batch, tf.minimum(order, tf.sub(end, pointer))) : batch;
    rows.assign(writeRows(rows, places as tf.Tensor1D, written as tf.Tensor<R>, pointer, overflow === 'wrap'));
    const next = tf.add(pointer, int(n));
    const restart = isDropping ? tf.zerosLike(next) : tf.sub(next, int(size));
    pointer.assign(tf.where(tf.less(next, int(size)), next, restart) as tf.Scalar);
  });
}

/** tfjs takes a plain number for float32, also beside integers. */
const int = (value: number): tf.Scalar => tf.scalar(value, 'int32');

function writeRows<R extends tf.Rank>(
  rows: tf.Tensor<R>,
  places: tf.Tensor1D,
  batch: tf.Tensor<R>,
  pointer: tf.Tensor,
  isWrapping: boolean,
): tf.Tensor<R> {
  return tf.getKernel('TensorScatterUpdate', tf.getBackend()) === undefined
    ? overlayRows(rows, batch, pointer, isWrapping)
    : (tf.tensorScatterUpdate(rows, tf.expandDims(places, 1), batch) as tf.Tensor<R>);
}

/** The same for backends without a scatter kernel: every row of the ring chooses between itself and a row of the batch. */
export function overlayRows<R extends tf.Rank>(
  rows: tf.Tensor<R>,
  batch: tf.Tensor<R>,
  pointer: tf.Tensor,
  isWrapping = false,
): tf.Tensor<R> {
  const n = batch.shape[0]!;
  const distance = tf.sub(tf.range(0, rows.shape[0]!, 1, 'int32'), pointer);
  const offset = isWrapping ? tf.mod(distance, int(rows.shape[0]!)) : distance;
  const isNew = tf.logicalAnd(tf.greaterEqual(offset, int(0)), tf.less(offset, int(n)));
  const candidates = tf.gather(batch, tf.maximum(tf.minimum(offset, int(n - 1)), int(0)) as tf.Tensor1D);
  return tf.where(rows.rank === 1 ? isNew : tf.expandDims(isNew, 1), candidates, rows) as tf.Tensor<R>;
}

/**
 * Checks that a ring is filled by whole batches, for the `info` of a host and the `init` of a plug-in.
 *
 * @param owner who is speaking. @param option name of the option that sets the size.
 * @throws SslError `BAD_OPTION`, with the nearest sizes that fit.
 */
export function requireMultiple(owner: string, option: string, rows: number, batch: number): void {
  if (rows > 0 && rows % batch === 0) return;
  const below = Math.floor(rows / batch) * batch;
  const near = below > 0 ? `${below} or ${below + batch}` : String(batch);
  throw new SslError(
    'BAD_OPTION',
    `[${owner}] ${option} is ${rows}, but it must be a multiple of the ${batch} rows that each step adds.`,
    { hint: `Set ${option} to ${near}, or choose a batch size that divides ${rows}.` },
  );
}
