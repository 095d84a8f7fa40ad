import * as tf from '@tensorflow/tfjs-core';

/** What a step must keep if it diverges. */
export interface Guard {
  /** All variables that the step may assign. */
  readonly variables: readonly tf.Variable[];
  /** Gradient norm from which on the step is undone; undefined: only if it is not finite. */
  readonly maxGradientNorm: number | undefined;
}

/** L2 norm over all elements of several tensors:  √ Σ x². NaN or infinite if any element is. */
export const norm = (tensors: readonly tf.Tensor[]): tf.Scalar =>
  tf.tidy(() => tf.sqrt(tf.addN(tensors.map((t) => tf.sum(tf.square(t))))) as tf.Scalar);

/**
 * Remembers the variables as they are. The returned function puts them back if the step diverged and gives 1 if it did not, else 0. It
 * chooses inside the graph, by the values of loss and norm, so that a recorded step can be undone too.
 *
 * @param free gradient sums of micro-batches: they keep what is not finite, so that the step which they end in is undone.
 */
export function guardStep({ variables, maxGradientNorm }: Guard, free: readonly tf.Variable[]) {
  const exempt = new Set(free);
  const before = variables.filter((v) => !exempt.has(v)).map((variable) => ({ variable, value: tf.clone(variable) }));
  return ({ loss, gradientNorm }: { readonly loss: tf.Scalar; readonly gradientNorm: tf.Scalar }): tf.Scalar =>
    tf.tidy(() => {
      const limit = maxGradientNorm ?? Number.POSITIVE_INFINITY;
      // NaN is not less than anything.
      const isGood = tf.logicalAnd(tf.less(tf.abs(loss), Number.POSITIVE_INFINITY), tf.less(gradientNorm, limit));
      for (const { variable, value } of before) {
        if (variable.dataId !== value.dataId) variable.assign(tf.where(isGood, variable, value));
      }
      return tf.cast(isGood, 'float32') as tf.Scalar;
    });
}
