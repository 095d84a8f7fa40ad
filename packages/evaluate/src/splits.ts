import { Rng, SslError } from '@contrastive/core';
import { countClasses, requireLabels } from './features.js';

/**
 * Rows of a stratified sample: of every class that occurs, round(share · rows of the class), at least 1. Sorted; store it with the run.
 *
 * CIFAR-10 at 0.01 and 0.1 gives 50 and 500 images a class. Published ImageNet splits are fixed lists: use those there.
 *
 * @param share in (0, 1]. @param seed default 0. @throws SslError `BAD_OPTION`, `DATA` (no or negative labels).
 * Source: spec "evaluation" 4.2.
 */
export function stratifiedSample(labels: Int32Array, share: number, seed = 0): Int32Array {
  if (!(share > 0 && share <= 1)) {
    throw new SslError('BAD_OPTION', `stratifiedSample: share is ${share}, but it must be in (0, 1].`);
  }
  if (labels.length === 0) throw new SslError('DATA', 'stratifiedSample: there are no labels.');
  requireLabels('stratifiedSample', 'labels', labels, labels.length);
  const rng = Rng.create(seed).fork('stratified');
  const rows = Array.from({ length: countClasses(labels) }, (): number[] => []);
  labels.forEach((label, i) => {
    rows[label]!.push(i);
  });
  return Int32Array.from(
    rows.flatMap((members, label) => {
      if (members.length === 0) return [];
      // A stream for each class: a class more or less does not change what is drawn from the others.
      const order = rng.fork(label).permutation(members.length);
      return Array.from(order.subarray(0, Math.max(1, Math.round(share * members.length))), (i) => members[i]!);
    }),
  ).sort();
}

/** Rows of 0 … count − 1 that `chosen` lacks: the other side of a split. */
export function otherRows(count: number, chosen: Int32Array): Int32Array {
  const taken = new Set(chosen);
  return Int32Array.from({ length: count }, (_, i) => i).filter((i) => !taken.has(i));
}
