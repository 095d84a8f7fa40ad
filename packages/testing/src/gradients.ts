import * as tf from '@tensorflow/tfjs-core';
import { type Closeness, expectClose, valuesOf } from './close-to.js';

/**
 * Central differences of a scalar function, one entry at a time, in the shape of `x`:  (f(x + h eᵢ) − f(x − h eᵢ)) / 2h.
 *
 * @param h step; in float32 the error is about h² + 1e-7 / h. Default 1e-2.
 */
export function finiteDifferences(f: (x: tf.Tensor) => tf.Tensor, x: tf.Tensor, h = 1e-2): tf.Tensor {
  const values = valuesOf(x);
  const at = (i: number, offset: number) =>
    tf.tidy(
      () =>
        valuesOf(
          f(
            tf.tensor(
              values.map((v, j) => (i === j ? v + offset : v)),
              x.shape,
            ),
          ),
        )[0]!,
    );
  return tf.tensor(
    values.map((_, i) => (at(i, h) - at(i, -h)) / (2 * h)),
    x.shape,
  );
}

/**
 * Throws unless the recorded gradient of the scalar function `f` agrees with finite differences, for each argument in turn.
 * Tolerances default to what float32 allows for functions of moderate curvature.
 */
export function expectGradients(
  f: (...xs: tf.Tensor[]) => tf.Tensor,
  xs: readonly tf.Tensor[],
  { rel = 2e-3, abs = 1e-3, h = 1e-2 }: Closeness & { readonly h?: number } = {},
): void {
  tf.tidy(() => {
    const gradients = tf.grads(f as (...args: tf.Tensor[]) => tf.Tensor)([...xs]);
    gradients.forEach((gradient, i) => {
      const numeric = finiteDifferences((x) => f(...xs.map((other, j) => (i === j ? x : other))), xs[i]!, h);
      expectClose(gradient, numeric, { rel, abs });
    });
  });
}
