import type * as tf from '@tensorflow/tfjs-core';
import type { Collective } from './collective.js';

/** Remembers variables as they are; the returned function lists those that were assigned since. */
export function changesOf(variables: readonly tf.Variable[]): () => readonly tf.Variable[] {
  const before = variables.map((v) => v.dataId);
  return () => variables.filter((v, i) => v.dataId !== before[i]);
}

/**
 * Means over workers of `tensors`, and of the new values of `variables`, which are assigned; all in one exchange.
 *
 * Running statistics are linear in the batch statistics that they are made of, so that this is what the mean batch statistics of all
 * workers would have made of them; and the variables of all workers stay equal.
 */
export function exchange(
  workers: Collective,
  tensors: readonly tf.Tensor[],
  variables: readonly tf.Variable[],
): readonly tf.Tensor[] {
  if (workers.size === 1) return tensors;
  const means = workers.reduceMean([...tensors, ...variables]);
  for (const [i, variable] of variables.entries()) variable.assign(means[tensors.length + i]! as never);
  return means.slice(0, tensors.length);
}

/**
 * Metrics as they are logged: scalars are means over workers, larger outputs (scores of single images, histograms) are this worker's.
 *
 * @param known what is equal on all workers already; it is left out.
 */
export function averageMetrics(
  workers: Collective,
  metrics: Readonly<Record<string, tf.Tensor>>,
  known: Readonly<Record<string, tf.Tensor>>,
): Record<string, tf.Tensor> {
  const own = Object.entries(metrics).filter(([name]) => !(name in known));
  const scalars = own.filter(([, t]) => t.rank === 0 && t.dtype === 'float32');
  const means = workers.reduceMean(scalars.map(([, t]) => t));
  return Object.fromEntries([...own, ...scalars.map(([name], i) => [name, means[i]!] as const)]);
}
