/**
 * The k × k part of whitening in double precision, for backends whose tensors are float32 (spec "wmse" 4.2: a float32 covariance of
 * condition 3e6 costs 5e-2 of accuracy). Plain arrays, row-major.
 */

/** Mean [k] and unbiased covariance [k, k] of the rows of x, [w, k]. */
export function covarianceOf(
  x: ArrayLike<number>,
  rows: number,
  size: number,
): { readonly mean: Float64Array; readonly centered: Float64Array; readonly covariance: Float64Array } {
  const mean = new Float64Array(size);
  for (let n = 0; n < rows; n++) for (let i = 0; i < size; i++) mean[i]! += x[n * size + i]! / rows;
  const centered = Float64Array.from({ length: rows * size }, (_, at) => x[at]! - mean[at % size]!);
  const covariance = new Float64Array(size * size);
  for (let n = 0; n < rows; n++) {
    for (let i = 0; i < size; i++) {
      const scaled = centered[n * size + i]! / (rows - 1);
      for (let j = 0; j <= i; j++) covariance[i * size + j]! += scaled * centered[n * size + j]!;
    }
  }
  for (let i = 0; i < size; i++) for (let j = 0; j < i; j++) covariance[j * size + i] = covariance[i * size + j]!;
  return { mean, centered, covariance };
}

/** (1 − ε) Σ + ε I. */
export function shrink(covariance: Float64Array, size: number, epsilon: number): Float64Array {
  const shrunk = covariance.map((v) => (1 - epsilon) * v);
  for (let i = 0; i < size; i++) shrunk[i * size + i]! += epsilon;
  return shrunk;
}

/** Pivots at or below this share of the mean variance count as zero. */
export const PIVOT_FLOOR = 1e-12;

/** Σ_i a_ii / k. */
export const meanDiagonal = (a: Float64Array, size: number): number => {
  let sum = 0;
  for (let i = 0; i < size; i++) sum += a[i * size + i]! / size;
  return sum;
};

/**
 * Lower L with L Lᵀ = a.
 *
 * @param floor smallest pivot that is accepted.
 * @returns undefined if a pivot is not above the floor (or NaN): the matrix is not safely positive definite.
 */
export function cholesky(a: Float64Array, size: number, floor: number): Float64Array | undefined {
  const l = new Float64Array(size * size);
  for (let i = 0; i < size; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = a[i * size + j]!;
      for (let p = 0; p < j; p++) sum -= l[i * size + p]! * l[j * size + p]!;
      if (i !== j) l[i * size + j] = sum / l[j * size + j]!;
      else if (sum > floor) l[i * size + i] = Math.sqrt(sum);
      else return undefined;
    }
  }
  return l;
}

/** Inverse of a lower triangular matrix. */
export function invertLower(l: Float64Array, size: number): Float64Array {
  const inverse = new Float64Array(size * size);
  for (let j = 0; j < size; j++) {
    inverse[j * size + j] = 1 / l[j * size + j]!;
    for (let i = j + 1; i < size; i++) {
      let sum = 0;
      for (let p = j; p < i; p++) sum -= l[i * size + p]! * inverse[p * size + j]!;
      inverse[i * size + j] = sum / l[i * size + i]!;
    }
  }
  return inverse;
}

const MAX_SWEEPS = 60;

/** Eigenvalues [k] (ascending) and eigenvectors [k, k] (columns) of a symmetric matrix, by cyclic Jacobi rotations. */
export function eigenSymmetric(
  a: Float64Array,
  size: number,
): { readonly values: Float64Array; readonly vectors: Float64Array } {
  const m = a.slice();
  const v = new Float64Array(size * size);
  for (let i = 0; i < size; i++) v[i * size + i] = 1;
  for (let sweep = 0; sweep < MAX_SWEEPS && offDiagonal(m, size) > 1e-30 * meanDiagonal(m, size) ** 2; sweep++) {
    for (let p = 0; p < size; p++) for (let q = p + 1; q < size; q++) rotate(m, v, size, p, q);
  }
  const order = Array.from({ length: size }, (_, i) => i).sort((i, j) => m[i * size + i]! - m[j * size + j]!);
  return {
    values: Float64Array.from(order, (i) => m[i * size + i]!),
    vectors: Float64Array.from({ length: size * size }, (_, at) => v[at - (at % size) + order[at % size]!]!),
  };
}

/** Σ of the squares above the diagonal. */
function offDiagonal(m: Float64Array, size: number): number {
  let sum = 0;
  for (let i = 0; i < size; i++) for (let j = i + 1; j < size; j++) sum += m[i * size + j]! ** 2;
  return sum;
}

/** One rotation that zeroes m_pq. */
function rotate(m: Float64Array, v: Float64Array, size: number, p: number, q: number): void {
  const apq = m[p * size + q]!;
  if (apq === 0) return;
  const theta = (m[q * size + q]! - m[p * size + p]!) / (2 * apq);
  const t = (theta >= 0 ? 1 : -1) / (Math.abs(theta) + Math.sqrt(theta * theta + 1));
  const c = 1 / Math.sqrt(t * t + 1);
  const s = t * c;
  for (let i = 0; i < size; i++) {
    const [mip, miq] = [m[i * size + p]!, m[i * size + q]!];
    m[i * size + p] = c * mip - s * miq;
    m[i * size + q] = s * mip + c * miq;
  }
  for (let i = 0; i < size; i++) {
    const [mpi, mqi] = [m[p * size + i]!, m[q * size + i]!];
    m[p * size + i] = c * mpi - s * mqi;
    m[q * size + i] = s * mpi + c * mqi;
    const [vip, viq] = [v[i * size + p]!, v[i * size + q]!];
    v[i * size + p] = c * vip - s * viq;
    v[i * size + q] = s * vip + c * viq;
  }
}

/** rows · matrixᵀ for rows [w, k] and matrix [k, k]. */
export function applyTransposed(rows: Float64Array, matrix: Float64Array, size: number): Float64Array {
  const out = new Float64Array(rows.length);
  for (let n = 0; n < rows.length; n += size) {
    for (let i = 0; i < size; i++) {
      let sum = 0;
      for (let j = 0; j < size; j++) sum += rows[n + j]! * matrix[i * size + j]!;
      out[n + i] = sum;
    }
  }
  return out;
}
