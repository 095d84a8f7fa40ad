import * as tf from '@tensorflow/tfjs-core';

/** Share of a new slice in the running statistics (lightly's and the authors' code). */
export const STATS_MOMENTUM = 0.01;

/**
 * Moves running statistics over several slices, one after the other:  run ← m · slice + (1 − m) · run.
 *
 * @param values [b, …]: one per slice, in the order in which they count. @param options.calls of each slice, its place in the
 *   order of calls. @param options.momentum m. Default 0.01.
 */
export function moveRunning(
  running: tf.Variable,
  values: tf.Tensor,
  {
    calls,
    momentum = STATS_MOMENTUM,
  }: { readonly calls?: readonly number[] | undefined; readonly momentum?: number } = {},
): void {
  const b = values.shape[0]!;
  tf.tidy(() => {
    const weights = Array.from({ length: b }, (_, i) => momentum * (1 - momentum) ** (b - 1 - (calls?.[i] ?? i)));
    const shape = [b, ...new Array<number>(values.rank - 1).fill(1)];
    const added = tf.sum(tf.mul(values, tf.tensor(weights, shape)), 0);
    running.assign(tf.add(tf.mul(running, (1 - momentum) ** b), added) as never);
  });
}

/** Place of each slice (view after view, block after block) if all views of a block are whitened before the next block. */
export const callOrder = (views: number, blocks: number): readonly number[] =>
  Array.from({ length: views * blocks }, (_, at) => (at % blocks) * views + Math.floor(at / blocks));
