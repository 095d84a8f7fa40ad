/**
 * Fixed two-dimensional sine-cosine code of a grid of cells (spec "hosts" section 2; MoCo v3). With q = dim / 4 and ω_j = 10000^(−j/q), the
 * cell in row a and column b, at position a·grid + b, has the code  [sin(a ω), cos(a ω), sin(b ω), cos(b ω)].
 *
 * @param dim divisible by 4. @returns row-major [grid², dim].
 */
export function sinCosCode(grid: number, dim: number): Float32Array {
  const q = dim / 4;
  const code = new Float32Array(grid * grid * dim);
  for (let cell = 0; cell < grid * grid; cell++) {
    const place = [Math.floor(cell / grid), cell % grid];
    for (let axis = 0; axis < 2; axis++) {
      for (let j = 0; j < q; j++) {
        const angle = place[axis]! * 10000 ** (-j / q);
        const at = cell * dim + 2 * axis * q + j;
        code[at] = Math.sin(angle);
        code[at + q] = Math.cos(angle);
      }
    }
  }
  return code;
}
