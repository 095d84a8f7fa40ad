import type { Rng } from '@contrastive/core';

/** One side of a rectangle: pixels [start, start + size) are swapped, and how much of each cell is pooled, 0 to 1. */
export interface Side {
  readonly start: number;
  readonly size: number;
  readonly cells: Float32Array;
}

export interface Rectangle {
  readonly rows: Side;
  readonly columns: Side;
}

export interface SamplerOptions {
  /** Shortest and longest side, in cells, included. */
  readonly minSide: number;
  readonly maxSide: number;
  readonly aspect: 'free' | 'square';
  readonly start: 'aligned' | 'official' | 'exclusiveEnd';
  /** Input side in pixels. */
  readonly side: number;
  /** Cells along a side. */
  readonly grid: number;
}

/** Sides of 3/7 to 5/7 of the grid, at least 1 and less than the grid (spec "regioncl" section 3.3). @example sidesFor(7) // [3, 5]; 4: [2, 3] */
export function sidesFor(grid: number): readonly [number, number] {
  const longest = Math.max(1, Math.min(grid - 1, roundHalfEven((5 * grid) / 7)));
  return [Math.max(1, Math.min(longest, roundHalfEven((3 * grid) / 7))), longest];
}

/** Draws a rectangle; every admissible start is equally likely but for `official`. Spec "regioncl" section 2.1. */
export function sampleRectangle(rng: Rng, o: SamplerOptions): Rectangle {
  const sides = o.maxSide - o.minSide + 1;
  const height = o.minSide + rng.integer(sides);
  const width = o.aspect === 'square' ? height : o.minSide + rng.integer(sides);
  return { rows: sampleSide(rng, height, o), columns: sampleSide(rng, width, o) };
}

function sampleSide(rng: Rng, cells: number, { start, side, grid }: SamplerOptions): Side {
  if (start === 'official') return officialSide(rng.integer(side), cells, { side, grid });
  const places = grid - cells + (start === 'aligned' ? 1 : 0);
  const from = rng.integer(Math.max(1, places));
  const [low, high] = [from, from + cells].map((c) => Math.round((c * side) / grid)) as [number, number];
  return { start: low, size: high - low, cells: coverage(low, high, side, grid) };
}

/**
 * The released sampler along one axis:  p = min(s · rhe(u / s), S − 1 − s w),  first cell ⌊p / s⌋,  s = S / G pixels a cell.
 *
 * A start that was clamped lies one pixel before the grid, and the cell a whole cell before the pixels. The last pixel is never swapped.
 *
 * @param u uniform integer in [0, S). @param cells w.
 * @example officialSide(120, 3, { side: 224, grid: 7 }) // pixels from 127, cells from 3
 */
export function officialSide(u: number, cells: number, { side, grid }: { side: number; grid: number }): Side {
  const stride = side / grid;
  const start = Math.min(stride * roundHalfEven(u / stride), side - 1 - stride * cells);
  const first = Math.floor(start / stride);
  const isPooled = (cell: number) => cell >= first && cell < first + cells;
  return { start, size: stride * cells, cells: Float32Array.from({ length: grid }, (_, c) => (isPooled(c) ? 1 : 0)) };
}

/** Share of each cell that pixels [low, high) cover: 0 or 1 where the grid divides the image, in between at the edge where not. */
function coverage(low: number, high: number, side: number, grid: number): Float32Array {
  const size = side / grid;
  const overlap = (cell: number) => Math.min(high, (cell + 1) * size) - Math.max(low, cell * size);
  return Float32Array.from({ length: grid }, (_, cell) => Math.max(0, Math.min(1, overlap(cell) / size)));
}

/** Nearest integer, halves to the even one, as Python rounds. */
export function roundHalfEven(x: number): number {
  const low = Math.floor(x);
  if (x - low !== 0.5) return Math.round(x);
  return low % 2 === 0 ? low : low + 1;
}
