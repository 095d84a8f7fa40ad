import * as tf from '@tensorflow/tfjs-core';

/**
 * Share of neighbours of the image's own class, among those where both classes are known (≥ 0); 0 if none is. For logging only.
 *
 * @param labels [n], int32. @param found [n, K], int32, classes of the neighbours.
 */
export function purityOf(labels: tf.Tensor1D, found: tf.Tensor2D): tf.Scalar {
  const own = tf.expandDims(labels, 1);
  const zero = tf.scalar(0, 'int32');
  const isKnown = tf.logicalAnd(tf.greaterEqual(own, zero), tf.greaterEqual(found, zero));
  const count = (flags: tf.Tensor) => tf.sum(tf.cast(flags, 'float32'));
  return tf.div(count(tf.logicalAnd(isKnown, tf.equal(own, found))), tf.maximum(count(isKnown), 1)) as tf.Scalar;
}

/** Mean entropy in nats of rows of weights [n, K], each divided by its sum. ln K if all are equal, 0 if one has everything. */
export function entropyOf(weights: tf.Tensor2D): tf.Scalar {
  const shares = tf.div(weights, tf.maximum(tf.sum(weights, 1, true), 1e-12));
  return tf.neg(tf.mean(tf.sum(tf.mul(shares, tf.log(tf.maximum(shares, 1e-12))), 1))) as tf.Scalar;
}

/** Distinct places among all, divided by their number: 1 if no row of the bank is a neighbour twice. */
export function distinctShare(places: tf.Tensor2D): tf.Scalar {
  const size = places.size;
  const sorted = tf.topk(tf.cast(tf.reshape(places, [-1]), 'float32') as tf.Tensor1D, size).values;
  const steps = tf.notEqual(tf.slice(sorted, 1, size - 1), tf.slice(sorted, 0, size - 1));
  return tf.div(tf.add(1, tf.sum(tf.cast(steps, 'float32'))), size) as tf.Scalar;
}
