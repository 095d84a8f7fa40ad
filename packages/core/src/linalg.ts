import { SslError } from './errors.js';

// Small dense matrices in float64 on the host, row-major: tfjs has neither these operations nor float64. For whitening.

/**
 * Lower triangular L with A = L Lᵀ. Reads the lower triangle of A only. n³/3 multiplications.
 *
 * @param a symmetric, [n, n]. @returns [n, n] with zeros above the diagonal, or undefined if A is not positive definite.
 * @throws SslError `SHAPE_MISMATCH` if `a` does not have n² values.
 */
export function cholesky(a: Float64Array, n: number): Float64Array | undefined {
  requireSquare('cholesky', a, n);
  const l = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = a[i * n + j]!;
      for (let k = 0; k < j; k++) sum -= l[i * n + k]! * l[j * n + k]!;
      if (i !== j) l[i * n + j] = sum / l[j * n + j]!;
      else if (sum > 0 && sum < Number.POSITIVE_INFINITY) l[i * n + i] = Math.sqrt(sum);
      else return undefined;
    }
  }
  return l;
}

/**
 * L⁻¹ of a lower triangular matrix, by forward substitution. n³/6 multiplications.
 *
 * @param l [n, n] with a diagonal without zeros; what is above the diagonal is not read.
 * @returns [n, n], lower triangular.
 * @throws SslError `SHAPE_MISMATCH` if `l` does not have n² values.
 */
export function invertLower(l: Float64Array, n: number): Float64Array {
  requireSquare('invertLower', l, n);
  const inverse = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    const row = inverse.subarray(i * n, (i + 1) * n);
    for (let k = 0; k < i; k++) {
      const factor = l[i * n + k]!;
      for (let j = 0; j <= k; j++) row[j]! -= factor * inverse[k * n + j]!;
    }
    row[i] = 1;
    for (let j = 0; j <= i; j++) row[j]! /= l[i * n + i]!;
  }
  return inverse;
}

/** A = U diag(values) Uᵀ. */
export interface SymmetricEigen {
  /** λ, ascending, [n]. */
  readonly values: Float64Array;
  /** U, [n, n]: column j belongs to `values[j]`; orthonormal. */
  readonly vectors: Float64Array;
}

const MAX_SWEEPS = 60;

/**
 * Eigenvalues and eigenvectors of a symmetric matrix by cyclic Jacobi rotations: exact to the last digits also for small
 * eigenvalues, about 8 sweeps of 4n³ multiplications.
 *
 * @param a symmetric, [n, n]; only its upper triangle counts.
 * @throws SslError `SHAPE_MISMATCH` if `a` does not have n² values; `NOT_FINITE` if one of them is not finite.
 */
export function symmetricEigen(a: Float64Array, n: number): SymmetricEigen {
  requireSquare('symmetricEigen', a, n);
  if (!a.every(Number.isFinite))
    throw new SslError('NOT_FINITE', 'symmetricEigen: the matrix has values that are not finite.');
  const m = a.slice();
  const u = new Float64Array(n * n); // rows are eigenvectors while rotating
  for (let i = 0; i < n; i++) {
    u[i * n + i] = 1;
    for (let j = 0; j < i; j++) m[i * n + j] = m[j * n + i]!;
  }
  for (let sweep = 0; sweep < MAX_SWEEPS && rotateAll(m, u, n); sweep++);
  const order = Array.from({ length: n }, (_, i) => i).sort((i, j) => m[i * n + i]! - m[j * n + j]!);
  const vectors = new Float64Array(n * n);
  order.forEach((from, column) => {
    for (let i = 0; i < n; i++) vectors[i * n + column] = u[from * n + i]!;
  });
  return { values: Float64Array.from(order, (i) => m[i * n + i]!), vectors };
}

/** One sweep over all pairs; whether any pair still had to be rotated. */
function rotateAll(m: Float64Array, u: Float64Array, n: number): boolean {
  let isRotated = false;
  for (let p = 0; p < n - 1; p++) {
    for (let q = p + 1; q < n; q++) {
      const off = m[p * n + q]!;
      const scale = Math.sqrt(Math.abs(m[p * n + p]! * m[q * n + q]!));
      if (Math.abs(off) <= Number.EPSILON * scale || Math.abs(off) < Number.MIN_VALUE * 2 ** 52) {
        continue;
      }
      isRotated = true;
      rotate(m, u, n, p, q);
    }
  }
  return isRotated;
}

/** Makes m[p][q] zero by a rotation in the plane (p, q) from both sides, and turns the rows of u along. */
function rotate(m: Float64Array, u: Float64Array, n: number, p: number, q: number): void {
  const theta = (m[q * n + q]! - m[p * n + p]!) / (2 * m[p * n + q]!);
  const t = (theta >= 0 ? 1 : -1) / (Math.abs(theta) + Math.hypot(theta, 1));
  const c = 1 / Math.hypot(t, 1);
  const s = t * c;
  for (let k = 0; k < n; k++) turn(m, k * n + p, k * n + q, c, s);
  for (let k = 0; k < n; k++) turn(m, p * n + k, q * n + k, c, s);
  m[p * n + q] = 0;
  m[q * n + p] = 0;
  for (let k = 0; k < n; k++) turn(u, p * n + k, q * n + k, c, s);
}

function turn(values: Float64Array, i: number, j: number, c: number, s: number): void {
  const [x, y] = [values[i]!, values[j]!];
  values[i] = c * x - s * y;
  values[j] = s * x + c * y;
}

function requireSquare(owner: string, values: Float64Array, n: number): void {
  if (values.length === n * n) return;
  throw new SslError(
    'SHAPE_MISMATCH',
    `${owner}: a ${n} × ${n} matrix has ${n * n} values, but ${values.length} were given.`,
  );
}
