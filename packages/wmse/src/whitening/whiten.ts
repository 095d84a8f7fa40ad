import { stopGradient } from '@contrastive/core';
import * as tf from '@tensorflow/tfjs-core';
import { type Factors, factorize } from './factors.js';

/** See {@link whiten}. */
export type Whitening = 'cholesky' | 'zca' | 'pca' | 'newton' | 'diagonal' | 'none';

/** Shrinkage candidates of `eps: 'auto'`: none, then what a collapsed slice needs (ours; spec "wmse" 4.2). */
export const AUTO_EPSILONS: readonly number[] = [0, 1e-6, 1e-4, 1e-3, 1e-2];

/** Candidates for an option value. */
export const epsilonsOf = (eps: number | 'auto'): readonly number[] => (eps === 'auto' ? AUTO_EPSILONS : [eps]);

export interface WhitenOptions {
  readonly method: Whitening;
  readonly eps: number | 'auto';
  /** Steps of the Newton-Schulz iteration. */
  readonly newtonSteps: number;
}

/** Whitened slices, and what was found on the way (constants). */
export interface Whitened {
  /** [b, w, k]. Gradient reaches the input through mean and covariance too. */
  readonly rows: tf.Tensor3D;
  /** [b, k] and [b, k, k] (unbiased, before shrinkage); undefined for `none`, and the covariance for `diagonal`. */
  readonly mean: tf.Tensor2D | undefined;
  readonly covariance: tf.Tensor3D | undefined;
  /** Estimate of the covariance's condition number, [b], after shrinkage; only of exact methods and `diagonal`. */
  readonly condition: tf.Tensor1D | undefined;
  /** ε that was used, [b]; only of exact methods. */
  readonly epsilon: tf.Tensor1D | undefined;
}

/**
 * Whitens each slice: zero mean and, with ε = 0, covariance I (unbiased, over the w rows). S = (1 − ε) Σ + ε I.
 *
 * - `cholesky`  Z = (X − μ) L⁻ᵀ with S = L Lᵀ (the official code's; lower triangular, unique).
 * - `zca`       Z = (X − μ) S^(−1/2).
 * - `pca`       Z = (X − μ) U Λ^(−1/2). The gradient treats U as constant: exact for losses that do not change under a common
 *               rotation of all rows, which is the only use that makes sense (joint statistics; spec "wmse" 2.6).
 * - `newton`    approximates `zca` by Newton-Schulz steps in float32 (spec 2.5): tensor operations only.
 * - `diagonal`  (x − μ) / √S_jj: standardises each feature.
 * - `none`      X itself.
 *
 * The exact ones factor in float64, see {@link factorize}; their gradients are the closed forms of spec 2.4 and 2.5.
 *
 * @param x [b, w, k].
 */
export function whiten(x: tf.Tensor3D, { method, eps, newtonSteps }: WhitenOptions): Whitened {
  if (method === 'none') {
    return { rows: x, mean: undefined, covariance: undefined, condition: undefined, epsilon: undefined };
  }
  if (method === 'diagonal') return standardize(x, eps === 'auto' ? 0 : eps);
  if (method === 'newton') return newton(x, eps === 'auto' ? 0 : eps, newtonSteps);
  const factors = factorize(x, method === 'cholesky' ? 'cholesky' : 'zca', epsilonsOf(eps));
  const rows = method === 'cholesky' ? choleskyRows(x, factors) : zcaRows(x, factors);
  const { mean, covariance, epsilon, vectors, scales } = factors;
  return {
    rows: method === 'pca' ? (tf.matMul(rows, vectors) as tf.Tensor3D) : rows,
    mean,
    covariance,
    condition: stopGradient(tf.square(tf.div(tf.max(scales, 1), tf.min(scales, 1))) as tf.Tensor1D),
    epsilon,
  };
}

/** Subtracts the mean over the rows of each slice. */
const center = (x: tf.Tensor): tf.Tensor => tf.sub(x, tf.mean(x, 1, true));

/** (1 − ε) / (w − 1) of each slice, [b, 1, 1]. */
const covarianceShare = (epsilon: tf.Tensor, rows: number): tf.Tensor =>
  tf.div(tf.sub(1, tf.reshape(epsilon, [-1, 1, 1])), rows - 1);

/** dX = C[(G − (1−ε)/(w−1) · Z Q) W], Q symmetric with the lower triangle of GᵀZ (spec 2.4). */
function choleskyRows(x: tf.Tensor3D, factors: Factors): tf.Tensor3D {
  const op = tf.customGrad((_x, save) => {
    (save as tf.GradSaveFunc)([factors.whitened, factors.matrix, factors.epsilon]);
    const gradFunc = (g: tf.Tensor, saved: tf.Tensor[]) => {
      const [z, matrix, epsilon] = saved as [tf.Tensor, tf.Tensor, tf.Tensor];
      const [, w, k] = g.shape as [number, number, number];
      const a = tf.matMul(g, z, true, false);
      const strict = tf.mul(a, lowerMask(k, -1));
      const q = tf.add(tf.mul(a, lowerMask(k, 0)), tf.transpose(strict, [0, 2, 1]));
      const inner = tf.sub(g, tf.mul(covarianceShare(epsilon, w), tf.matMul(z, q)));
      return center(tf.matMul(inner, matrix));
    };
    return { value: tf.clone(factors.whitened), gradFunc };
  });
  return op(x) as tf.Tensor3D;
}

/** [k, k], 1 where column − row ≤ diagonal. */
const lowerMask = (k: number, diagonal: number): tf.Tensor2D =>
  tf.tensor2d(
    Float32Array.from({ length: k * k }, (_, at) => ((at % k) - Math.floor(at / k) <= diagonal ? 1 : 0)),
    [k, k],
  );

/** dX = C[G W + 2(1−ε)/(w−1) · Xc S̄], S̄ = U[(Uᵀ sym(GᵀXc) U) ∘ F]Uᵀ, F_ij = −1/(s_i s_j (s_i + s_j)) (spec 2.5). */
function zcaRows(x: tf.Tensor3D, factors: Factors): tf.Tensor3D {
  const op = tf.customGrad((input, save) => {
    const { whitened, matrix, vectors, scales, mean, epsilon } = factors;
    (save as tf.GradSaveFunc)([input as tf.Tensor, matrix, vectors, scales, mean, epsilon]);
    const gradFunc = (g: tf.Tensor, saved: tf.Tensor[]) => {
      const [rows, w, u, s, mu, e] = saved as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor];
      const centered = tf.sub(rows, tf.expandDims(mu, 1));
      const raw = tf.matMul(g, centered, true, false);
      const symmetric = tf.div(tf.add(raw, tf.transpose(raw, [0, 2, 1])), 2);
      const [row, column] = [tf.expandDims(s, 2), tf.expandDims(s, 1)];
      const rotated = tf.matMul(tf.matMul(u, symmetric, true, false), u);
      const weighted = tf.neg(tf.div(rotated, tf.mul(tf.mul(row, column), tf.add(row, column))));
      const bar = tf.matMul(tf.matMul(u, weighted), u, false, true);
      const share = tf.mul(2, covarianceShare(e, rows.shape[1]!));
      return center(tf.add(tf.matMul(g, w), tf.mul(share, tf.matMul(centered, bar))));
    };
    return { value: tf.clone(whitened), gradFunc };
  });
  return op(x) as tf.Tensor3D;
}

/**
 * Newton-Schulz, W = P / √tr S with P ← ½ (3P − P³ Σ_N), Σ_N = S / tr S, P₀ = I. Run as the coupled pair Y = Σ_N P, which gives the
 * same P but does not amplify rounding errors: the uncoupled form diverges in float32 where features are nearly dependent.
 */
function newton(x: tf.Tensor3D, eps: number, steps: number): Whitened {
  const [, w, k] = x.shape;
  const mean = tf.mean(x, 1) as tf.Tensor2D;
  const centered = tf.sub(x, tf.expandDims(mean, 1));
  const covariance = tf.div(tf.matMul(centered, centered, true, false), w - 1) as tf.Tensor3D;
  const identity = tf.eye(k);
  const shrunk = tf.add(tf.mul(covariance, 1 - eps), tf.mul(identity, eps));
  const trace = tf.sum(tf.mul(shrunk, identity), [1, 2], true);
  const normalized = tf.div(shrunk, trace);
  let [y, p]: tf.Tensor[] = [normalized, tf.add(tf.zerosLike(normalized), identity)];
  for (let step = 0; step < steps; step++) {
    const half = tf.div(tf.sub(tf.mul(3, identity), tf.matMul(p!, y!)), 2);
    [y, p] = [tf.matMul(y!, half), tf.matMul(half, p!)];
  }
  const rows = tf.matMul(centered, tf.div(p!, tf.sqrt(trace)), false, true) as tf.Tensor3D;
  return {
    rows,
    mean: stopGradient(mean),
    covariance: stopGradient(covariance),
    condition: undefined,
    epsilon: undefined,
  };
}

/** (x − μ) / √((1 − ε) σ² + ε), σ² unbiased. */
function standardize(x: tf.Tensor3D, eps: number): Whitened {
  const mean = tf.mean(x, 1) as tf.Tensor2D;
  const centered = tf.sub(x, tf.expandDims(mean, 1));
  const variance = tf.div(tf.sum(tf.square(centered), 1, true), x.shape[1] - 1);
  const shrunk = tf.add(tf.mul(variance, 1 - eps), eps);
  const ratio = tf.div(tf.max(shrunk, [1, 2]), tf.min(shrunk, [1, 2]));
  return {
    rows: tf.div(centered, tf.sqrt(shrunk)) as tf.Tensor3D,
    mean: stopGradient(mean),
    covariance: undefined,
    condition: stopGradient(ratio as tf.Tensor1D),
    epsilon: undefined,
  };
}
