import * as tf from '@tensorflow/tfjs-core';
import { withGradient } from './ops/kernels.js';
import { withoutTape } from './stop-gradient.js';

/** Place of a process among those that train together. */
export interface Workers {
  /** W ≥ 1. */
  readonly size: number;
  /** From 0. Worker r takes the images [r n, (r + 1) n) of each global batch of W n images. */
  readonly rank: number;
}

/**
 * The processes that train together, as a step sees them. All of them run the same steps in the same order; a step that uses a
 * collective on one worker must use it on all.
 */
export interface Collective extends Workers {
  /** Mean over all workers of each tensor (float32), in one exchange for all of them. Constant. */
  reduceMean(tensors: readonly tf.Tensor[]): tf.Tensor[];
  /**
   * Rows of all workers in the order of their ranks: [n, …] → [W n, …]. The gradient of the own rows is the sum over workers of what
   * reaches them, so that the mean over workers of the parameters' gradients is the gradient of the mean loss. Integers pass none.
   */
  gather<T extends tf.Tensor>(x: T): T;
  /** The own rows of something that has rows for all workers: [W n, …] → [n, …]; undoes {@link gather}. */
  own<T extends tf.Tensor>(x: T): T;
}

/** What {@link createCollective} builds on. Nothing here has a gradient. */
export interface CollectiveOps {
  /** Sum or mean over workers, element by element. */
  reduce(x: tf.Tensor, how: 'sum' | 'mean'): tf.Tensor;
  /** [n, …] of each worker, in order of rank: [W n, …]. */
  concat(x: tf.Tensor): tf.Tensor;
}

/** A process that trains by itself: the default everywhere. */
export const ALONE: Collective = {
  size: 1,
  rank: 0,
  reduceMean: (tensors) => [...tensors],
  gather: (x) => x,
  own: (x) => x,
};

/** A collective over a runtime's operations: adds the flat bucket and the gradients. */
export function createCollective({ size, rank }: Workers, ops: CollectiveOps): Collective {
  const own = <T extends tf.Tensor>(x: T): T => {
    const [all, ...rest] = x.shape as [number, ...number[]];
    const n = all / size;
    return tf.slice(x, [rank * n, ...rest.map(() => 0)], [n, ...rest]) as T;
  };
  return {
    size,
    rank,
    reduceMean: (tensors) => withoutTape(() => inBucket(tensors, (flat) => ops.reduce(flat, 'mean'))),
    gather: <T extends tf.Tensor>(x: T): T => {
      if (x.dtype !== 'float32') return withoutTape(() => ops.concat(x)) as T;
      const gathered = withGradient([x], ([rows]) => ({
        value: ops.concat(rows!),
        gradients: (dy) => [own(ops.reduce(dy, 'sum'))],
      }));
      return gathered as T;
    },
    own,
  };
}

/** One exchange for many tensors: they are laid end to end and taken apart again. */
function inBucket(tensors: readonly tf.Tensor[], exchange: (flat: tf.Tensor1D) => tf.Tensor): tf.Tensor[] {
  if (tensors.length === 0) return [];
  const flat = exchange(tf.concat(tensors.map((t) => tf.reshape(t, [-1]))) as tf.Tensor1D);
  const parts = tf.split(
    flat,
    tensors.map((t) => t.size),
  );
  return parts.map((part, i) => tf.reshape(part, tensors[i]!.shape));
}

/** How batch norm treats the batches of several workers. */
export type BatchNormScope = 'synchronised' | 'local';

/** The workers of a run, as host and plug-ins know them before the first step. */
export interface WorkersInfo extends Workers {
  readonly batchNorm: BatchNormScope;
}

/** What a run of one process says of its workers. */
export const ONE_WORKER: WorkersInfo = { size: 1, rank: 0, batchNorm: 'local' };

/**
 * Who may be a negative of whom among the images of all workers: [n, W n], 0 at the anchor's own image, 1 elsewhere. With one worker 1 − I.
 *
 * @param n images of a worker.
 */
export const otherImages = ({ size, rank }: Workers, n: number): tf.Tensor2D =>
  size === 1
    ? (tf.sub(1, tf.eye(n)) as tf.Tensor2D)
    : (tf.oneHot(tf.range(rank * n, (rank + 1) * n, 1, 'int32'), size * n, 0, 1, 'float32') as tf.Tensor2D);
