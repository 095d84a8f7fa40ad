// Matrices are row-major Float64Array.

/** Lower factor L of a positive definite matrix A = L·Lᵀ, [size, size]; zeros above the diagonal. */
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
