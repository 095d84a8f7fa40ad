import { type State, stopGradient, unit } from '@contrastive/core';
import * as tf from '@tensorflow/tfjs-core';
import type { ResolvedSnclrOptions } from './options.js';

/** State of the learned maps f1 (of projections) and f2 (of neighbours): [d, d] each, trained, the identity at first. */
export const createMaps = (dim: number): State => {
  const identity = tf.eye(dim);
  const state = { 'maps/f1': tf.variable(identity, true), 'maps/f2': tf.variable(identity, true) };
  identity.dispose();
  return state;
};

/**
 * How much each of the K neighbours is wanted, [n, K].
 *
 * - `positiveness`: softmax over t of s_t / temperature, where s is the cosine of the projection y_i and its neighbour (sums to 1, each
 *   within 1 / (1 + (K − 1) e^±2) at temperature 1), or, learned, f1(y)·f2(neighbour) / √d of rows of length √d, divided by γ.
 * - `uniform` 1/K, `hard` and `nearest` 1.
 *
 * With `threshold` only those above 1/K stay. Gradient reaches `projections` (and the maps) unless `positivenessGradient` is false.
 *
 * @param projections [n, d], raw. @param neighbours [n, K, d], raw, constants.
 * Source: arXiv 2303.17142 and its code; spec "snclr" section 2.4.
 */
export function neighbourWeights(
  o: ResolvedSnclrOptions,
  projections: tf.Tensor2D,
  neighbours: tf.Tensor3D,
  state: State,
): tf.Tensor2D {
  const [n, count] = neighbours.shape;
  const constant = o.weighting === 'uniform' ? 1 / count : 1;
  if (o.weighting !== 'positiveness') return tf.fill([n, count], constant);
  const scores =
    o.positiveness === 'learned' ? learnedScores(o, projections, neighbours, state) : cosines(projections, neighbours);
  const soft = tf.div(
    tf.softmax(tf.div(scores, o.positivenessTemperature)),
    o.positiveness === 'learned' ? o.gamma : 1,
  );
  const kept = o.threshold ? tf.mul(soft, tf.cast(tf.greater(stopGradient(soft), 1 / count), 'float32')) : soft;
  return (o.positivenessGradient ? kept : stopGradient(kept)) as tf.Tensor2D;
}

/** Row by row: y_i · x_it, [n, K]. */
const rowProducts = (y: tf.Tensor2D, x: tf.Tensor3D): tf.Tensor2D =>
  tf.squeeze(tf.matMul(x, tf.expandDims(y, 2)), [2]) as tf.Tensor2D;

const cosines = (projections: tf.Tensor2D, neighbours: tf.Tensor3D): tf.Tensor2D =>
  rowProducts(unit(projections), unit(neighbours));

function learnedScores(
  { learnedRelu }: ResolvedSnclrOptions,
  projections: tf.Tensor2D,
  neighbours: tf.Tensor3D,
  state: State,
): tf.Tensor2D {
  const [n, count, d] = neighbours.shape;
  const map = (rows: tf.Tensor2D, name: string) => {
    const mapped = tf.matMul(tf.mul(unit(rows), Math.sqrt(d)) as tf.Tensor2D, state[name] as unknown as tf.Tensor2D);
    return (learnedRelu ? tf.relu(mapped) : mapped) as tf.Tensor2D;
  };
  const mapped = map(tf.reshape(neighbours, [n * count, d]), 'maps/f2');
  return tf.div(
    rowProducts(map(projections, 'maps/f1'), tf.reshape(mapped, [n, count, d])),
    Math.sqrt(d),
  ) as tf.Tensor2D;
}
