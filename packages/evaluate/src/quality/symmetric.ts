// Symmetric matrices, row-major Float64Array [size, size], of which only the lower triangle is read.

/**
 * Eigenvalues of a symmetric matrix, largest first: Householder's tridiagonal form, then the implicit QL algorithm, without eigenvectors
 * (which would cost five times as much). 512 × 512 takes about a quarter of a second. The input is not changed; if it is not finite, all
 * eigenvalues are NaN.
 *
 * Source: Martin, Reinsch and Wilkinson 1968, "Householder's tridiagonalization of a symmetric matrix"; Golub and Van Loan, 8.3.
 */
export function symmetricEigenvalues(matrix: Float64Array, size: number): Float64Array {
  if (!matrix.every(Number.isFinite)) return new Float64Array(size).fill(Number.NaN);
  const { diagonal, below } = tridiagonal(matrix.slice(0, size * size), size);
  implicitQl(diagonal, below);
  return diagonal.sort((a, b) => b - a);
}

/** Reflects row after row, from the last; `a` is overwritten. `below[i]` stands left of `diagonal[i]`. */
function tridiagonal(a: Float64Array, size: number) {
  const diagonal = new Float64Array(size);
  const below = new Float64Array(size);
  const p = new Float64Array(size);
  for (let i = size - 1; i > 0; i--) {
    const u = a.subarray(i * size, i * size + i);
    const scale = u.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
    if (scale > 0 && i > 1) below[i] = reflect(a, size, u, scale, p);
    else below[i] = u[i - 1]!;
  }
  for (let i = 0; i < size; i++) diagonal[i] = a[i * size + i]!;
  return { diagonal, below };
}

/** A ← H·A·H of the leading square, where H = I − u·uᵀ/h takes its row `u` to its last entry, which is returned. */
function reflect(a: Float64Array, size: number, u: Float64Array, scale: number, p: Float64Array): number {
  const n = u.length;
  let square = 0;
  for (let k = 0; k < n; k++) square += (u[k]! / scale) ** 2;
  const last = u[n - 1]!;
  const length = scale * Math.sqrt(square) * (last >= 0 ? -1 : 1);
  const h = length * length - last * length;
  u[n - 1] = last - length;
  p.fill(0, 0, n);
  for (let j = 0; j < n; j++) {
    const line = j * size;
    const own = u[j]!;
    let sum = 0;
    for (let k = 0; k < j; k++) {
      const value = a[line + k]!;
      sum += value * u[k]!;
      p[k]! += value * own;
    }
    p[j]! += sum + a[line + j]! * own;
  }
  let overlap = 0;
  for (let k = 0; k < n; k++) {
    p[k]! /= h;
    overlap += p[k]! * u[k]!;
  }
  const share = overlap / (2 * h);
  for (let k = 0; k < n; k++) p[k]! -= share * u[k]!;
  for (let j = 0; j < n; j++) {
    const line = j * size;
    const [x, y] = [u[j]!, p[j]!];
    for (let k = 0; k <= j; k++) a[line + k]! -= x * p[k]! + y * u[k]!;
  }
  return length;
}

/** Turns d, the diagonal, into the eigenvalues; e is overwritten. */
function implicitQl(d: Float64Array, e: Float64Array): void {
  const n = d.length;
  e.copyWithin(0, 1);
  e[n - 1] = 0;
  for (let l = 0; l < n; l++) {
    for (;;) {
      const m = splitAfter(d, e, l);
      if (m === l) break;
      const slope = (d[l + 1]! - d[l]!) / (2 * e[l]!);
      let g = d[m]! - d[l]! + e[l]! / (slope + (slope >= 0 ? 1 : -1) * Math.hypot(slope, 1));
      let [s, c, p] = [1, 1, 0];
      let i = m - 1;
      for (; i >= l; i--) {
        const f = s * e[i]!;
        const b = c * e[i]!;
        const r = Math.sqrt(f * f + g * g);
        e[i + 1] = r;
        if (r === 0) {
          d[i + 1]! -= p;
          e[m] = 0;
          break;
        }
        s = f / r;
        c = g / r;
        const rest = d[i + 1]! - p;
        const turned = (d[i]! - rest) * s + 2 * c * b;
        p = s * turned;
        d[i + 1] = rest + p;
        g = c * turned - b;
      }
      if (i >= l) continue; // underflow: the matrix has split
      d[l]! -= p;
      e[l] = g;
      e[m] = 0;
    }
  }
}

/** The first index from l on behind which the matrix splits. */
function splitAfter(d: Float64Array, e: Float64Array, l: number): number {
  for (let m = l; m < d.length - 1; m++) {
    if (Math.abs(e[m]!) <= Number.EPSILON * (Math.abs(d[m]!) + Math.abs(d[m + 1]!))) return m;
  }
  return d.length - 1;
}

/** Lower factor L of a positive definite matrix A = L·Lᵀ, row-major; zeros above the diagonal. */
export function choleskyFactor(matrix: Float64Array, size: number): Float64Array {
  const factor = new Float64Array(size * size);
  for (let i = 0; i < size; i++) {
    for (let j = 0; j <= i; j++) {
      let rest = matrix[i * size + j]!;
      for (let k = 0; k < j; k++) rest -= factor[i * size + k]! * factor[j * size + k]!;
      factor[i * size + j] = i === j ? Math.sqrt(rest) : rest / factor[j * size + j]!;
    }
  }
  return factor;
}

/** Rows of L⁻¹·x for every row x of [rows, size], in place. */
export function solveLowerRows(factor: Float64Array, size: number, rows: Float64Array): void {
  for (let first = 0; first < rows.length; first += size) {
    for (let i = 0; i < size; i++) {
      let rest = rows[first + i]!;
      for (let k = 0; k < i; k++) rest -= factor[i * size + k]! * rows[first + k]!;
      rows[first + i] = rest / factor[i * size + i]!;
    }
  }
}
