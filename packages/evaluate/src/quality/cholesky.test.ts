import { describe, expect, it } from 'vitest';
import { normals } from '../../test/data.js';
import { choleskyFactor, solveLowerRows } from './cholesky.js';

/** X·Xᵀ of a random X [size, rank]: positive semidefinite of that rank. */
function product(size: number, rank: number, seed: number): Float64Array {
  const { data } = normals(size, rank, seed);
  return Float64Array.from({ length: size * size }, (_, at) => {
    const [i, j] = [Math.floor(at / size), at % size];
    let sum = 0;
    for (let k = 0; k < rank; k++) sum += data[i * rank + k]! * data[j * rank + k]!;
    return sum;
  });
}

describe('choleskyFactor', () => {
  it('gives L of L·Lᵀ, and solves with it', () => {
    const [size, rank] = [6, 9];
    const matrix = product(size, rank, 3);
    const factor = choleskyFactor(matrix, size);
    for (let i = 0; i < size; i++) {
      for (let j = 0; j < size; j++) {
        let sum = 0;
        for (let k = 0; k < size; k++) sum += factor[i * size + k]! * factor[j * size + k]!;
        expect(sum).toBeCloseTo(matrix[i * size + j]!, 10);
      }
    }
    // L⁻¹ of the columns of L are the unit vectors.
    const columns = Float64Array.from(
      { length: size * size },
      (_, at) => factor[(at % size) * size + Math.floor(at / size)]!,
    );
    solveLowerRows(factor, size, columns);
    columns.forEach((v, at) => {
      expect(v).toBeCloseTo(at % (size + 1) === 0 ? 1 : 0, 10);
    });
  });
});
