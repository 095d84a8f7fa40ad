import {
  createIntRing,
  createRing,
  enqueue,
  type Ring,
  type Rng,
  type State,
  unit,
  withoutTape,
} from '@contrastive/core';
import * as tf from '@tensorflow/tfjs-core';

/** Older keys, raw as the network gave them, with the id and class of their images. */
export interface Bank {
  readonly keys: Ring;
  readonly ids: Ring<tf.Rank.R1>;
  readonly labels: Ring<tf.Rank.R1>;
}

const PARTS = ['keys', 'ids', 'labels'] as const;

/** State of a bank of random unit rows: `bank/keys` [M, d], `bank/ids` and `bank/labels` [M], each with `…/pointer`. */
export function createBank({
  rows,
  dim,
  rng,
}: {
  readonly rows: number;
  readonly dim: number;
  readonly rng: Rng;
}): State {
  const bank: Bank = {
    keys: createRing({ rows, dim, rng }),
    ids: createIntRing({ rows }),
    labels: createIntRing({ rows }),
  };
  return Object.assign(
    {},
    ...PARTS.map((part) => ({ [`bank/${part}`]: bank[part].rows, [`bank/${part}/pointer`]: bank[part].pointer })),
  ) as State;
}

/** The bank in a plug-in's state. */
export const bankIn = (state: State): Bank =>
  Object.fromEntries(
    PARTS.map((part) => [part, { rows: state[`bank/${part}`], pointer: state[`bank/${part}/pointer`] }]),
  ) as unknown as Bank;

/** Writes keys [n, d] of images with these ids and classes; what does not fit before the end is dropped (spec "snclr" 2.3). */
export function storeKeys(bank: Bank, keys: tf.Tensor2D, ids: tf.Tensor1D, labels: tf.Tensor1D): void {
  enqueue(bank.keys, keys, { overflow: 'drop' });
  enqueue(bank.ids, ids, { overflow: 'drop' });
  enqueue(bank.labels, labels, { overflow: 'drop' });
}

/** Nearest rows of a bank for n queries. */
export interface Neighbours {
  /** Places in the bank, by descending cosine, int32 [n, K]. */
  readonly places: tf.Tensor2D;
  /** [n, K], cosines. */
  readonly similarities: tf.Tensor2D;
  /** Raw rows, [n, K, d]. */
  readonly rows: tf.Tensor3D;
}

/**
 * The K rows of the bank with the largest cosine to each query. Constant: nothing of it is on the tape.
 *
 * Work: n M d multiplications and one top-K over M.
 *
 * @param queries [n, d], of any length. @param options.exclude int32 [n]: rows stored with this id are no candidates.
 */
export function nearestKeys(
  bank: Bank,
  queries: tf.Tensor2D,
  { count, exclude }: { readonly count: number; readonly exclude?: tf.Tensor1D | undefined },
): Neighbours {
  return withoutTape(() => {
    const stored = bank.keys.rows as unknown as tf.Tensor2D;
    const cosines = tf.matMul(unit(queries), unit(stored), false, true);
    const isOwn = exclude && tf.equal(tf.expandDims(exclude, 1), tf.expandDims(bank.ids.rows, 0));
    const candidates = isOwn === undefined ? cosines : tf.sub(cosines, tf.mul(4, tf.cast(isOwn, 'float32'))); // cosine − 4 < −1
    const { values, indices } = tf.topk(candidates, count);
    return {
      places: indices as tf.Tensor2D,
      similarities: values as tf.Tensor2D,
      rows: tf.gather(stored, indices) as unknown as tf.Tensor3D,
    };
  });
}
