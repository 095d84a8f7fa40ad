import { SslError, withoutTape } from '@contrastive/core';
import * as tf from '@tensorflow/tfjs-core';
import {
  applyTransposed,
  cholesky,
  covarianceOf,
  eigenSymmetric,
  invertLower,
  meanDiagonal,
  PIVOT_FLOOR,
  shrink,
} from './float64.js';

/**
 * Name of the kernel that a backend may register to do this on the device in double precision (`@contrastive/engine` does).
 * Inputs `{ x }` [b, w, k]; attributes `{ method, epsilons }`; outputs in the order of {@link Factors}. A slice that no ε makes
 * positive definite comes out as NaN.
 */
export const WHITEN_KERNEL = 'Whiten64';

/** Exact factorisations: inverse Cholesky factor or symmetric inverse square root. */
export type ExactMethod = 'cholesky' | 'zca';

/** Whitening of b slices of w rows with k features; float32, computed in float64. */
export interface Factors {
  /** [b, w, k]: (x − mean) · matrixᵀ. */
  readonly whitened: tf.Tensor3D;
  /** [b, k]. */
  readonly mean: tf.Tensor2D;
  /** [b, k, k], unbiased, before shrinkage. */
  readonly covariance: tf.Tensor3D;
  /** W, [b, k, k]: L⁻¹ (lower) or Σ^(−1/2). */
  readonly matrix: tf.Tensor3D;
  /** [b, k]: diagonal of L, or square roots of the eigenvalues, ascending. (max / min)² estimates the condition of Σ. */
  readonly scales: tf.Tensor2D;
  /** [b]: the ε that was used. */
  readonly epsilon: tf.Tensor1D;
  /** [b, k, k]: eigenvectors as columns (`zca`), the identity (`cholesky`). */
  readonly vectors: tf.Tensor3D;
}

/**
 * Mean, covariance and whitening of each slice, without gradient.
 *
 * @param x [b, w, k], finite.
 * @param epsilons shrinkage candidates in increasing order; each slice takes the first that leaves all pivots (Cholesky) or
 *   eigenvalues (ZCA; Cholesky on the device) above 1e-12 of the mean variance.
 * @throws SslError `NOT_FINITE` if none does (here; on the device the slice becomes NaN, and the trainer stops on the loss).
 */
export function factorize(x: tf.Tensor3D, method: ExactMethod, epsilons: readonly number[]): Factors {
  return withoutTape(() => {
    const hasKernel = tf.getKernel(WHITEN_KERNEL, tf.getBackend()) !== undefined;
    const outputs = hasKernel
      ? (tf.engine().runKernel(WHITEN_KERNEL, { x }, { method, epsilons: [...epsilons] }) as tf.Tensor[])
      : onHost(x, method, epsilons);
    const [whitened, mean, covariance, matrix, scales, epsilon, vectors] = outputs;
    return { whitened, mean, covariance, matrix, scales, epsilon, vectors } as Factors;
  });
}

/** The same on the CPU: reads the values, so that such a step cannot be recorded. */
function onHost(x: tf.Tensor3D, method: ExactMethod, epsilons: readonly number[]): tf.Tensor[] {
  const [b, w, k] = x.shape;
  const values = x.dataSync();
  const slices = Array.from({ length: b }, (_, i) => {
    const slice = whitenSlice(values.subarray(i * w * k, (i + 1) * w * k), w, k, method, epsilons);
    if (slice === undefined) throw notWhitenable(`slice ${i} of ${w} rows`, k, epsilons);
    return slice;
  });
  const stack = (of: (slice: Slice) => ArrayLike<number>, shape: number[]) => {
    const size = shape.reduce((product, v) => product * v, 1);
    const data = new Float32Array(b * size);
    for (const [i, slice] of slices.entries()) data.set(of(slice), i * size);
    return tf.tensor(data, [b, ...shape]);
  };
  return [
    stack((s) => s.whitened, [w, k]),
    stack((s) => s.mean, [k]),
    stack((s) => s.covariance, [k, k]),
    stack((s) => s.matrix, [k, k]),
    stack((s) => s.scales, [k]),
    stack((s) => [s.epsilon], []),
    stack((s) => s.vectors, [k, k]),
  ];
}

interface Slice {
  readonly whitened: Float64Array;
  readonly mean: Float64Array;
  readonly covariance: Float64Array;
  readonly matrix: Float64Array;
  readonly scales: Float64Array;
  readonly epsilon: number;
  readonly vectors: Float64Array;
}

function whitenSlice(
  values: ArrayLike<number>,
  w: number,
  k: number,
  method: ExactMethod,
  epsilons: readonly number[],
): Slice | undefined {
  const { mean, centered, covariance } = covarianceOf(values, w, k);
  const parts = inverseRoot(covariance, k, method, epsilons);
  return parts && { ...parts, whitened: applyTransposed(centered, parts.matrix, k), mean, covariance };
}

/** Whitening matrix of a covariance [k, k], with the first ε that makes it safely positive definite; undefined if none does. */
export function inverseRoot(
  covariance: Float64Array,
  k: number,
  method: ExactMethod,
  epsilons: readonly number[],
): Pick<Slice, 'matrix' | 'scales' | 'vectors' | 'epsilon'> | undefined {
  const floor = PIVOT_FLOOR * meanDiagonal(covariance, k);
  const factor = method === 'cholesky' ? byCholesky : byEigen;
  for (const epsilon of epsilons) {
    const parts = factor(shrink(covariance, k, epsilon), k, floor);
    if (parts !== undefined) return { ...parts, epsilon };
  }
  return undefined;
}

type Parts = Pick<Slice, 'matrix' | 'scales' | 'vectors'> | undefined;

function byCholesky(shrunk: Float64Array, k: number, floor: number): Parts {
  const factor = cholesky(shrunk, k, floor);
  if (factor === undefined) return undefined;
  const identity = new Float64Array(k * k);
  for (let i = 0; i < k; i++) identity[i * k + i] = 1;
  const scales = Float64Array.from({ length: k }, (_, i) => factor[i * k + i]!);
  return { matrix: invertLower(factor, k), scales, vectors: identity };
}

function byEigen(shrunk: Float64Array, k: number, floor: number): Parts {
  const { values, vectors } = eigenSymmetric(shrunk, k);
  if (!(values[0]! > floor)) return undefined;
  const scales = values.map(Math.sqrt);
  const matrix = new Float64Array(k * k);
  for (let i = 0; i < k; i++) {
    for (let j = 0; j < k; j++) {
      for (let p = 0; p < k; p++) matrix[i * k + j]! += (vectors[i * k + p]! * vectors[j * k + p]!) / scales[p]!;
    }
  }
  return { matrix, scales, vectors };
}

/** @param what cannot be whitened. */
export const notWhitenable = (what: string, k: number, epsilons: readonly number[]): SslError =>
  new SslError(
    'NOT_FINITE',
    `[wmse] ${what} cannot be whitened: the covariance of ${k} features is not positive definite with eps ${epsilons.join(', ')}.`,
    {
      hint: "Use eps: 'auto' or eps: 0.001, lower the learning rate, or give the projector a batch norm: features are dead, duplicated or not finite.",
    },
  );
