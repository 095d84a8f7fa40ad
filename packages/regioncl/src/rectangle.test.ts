import { Rng } from '@contrastive/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { officialSide, roundHalfEven, type SamplerOptions, type Side, sampleRectangle, sidesFor } from './rectangle.js';

const options = (given: Partial<SamplerOptions> = {}): SamplerOptions => ({
  ...{ minSide: 3, maxSide: 5, aspect: 'free', start: 'aligned', side: 224, grid: 7 },
  ...given,
});
const firstCell = (s: Side) => s.cells.findIndex((c) => c > 0);
const total = (s: Side) => s.cells.reduce((sum, c) => sum + c, 0);

describe('sidesFor', () => {
  it.each([
    [7, [3, 5]],
    [4, [2, 3]],
    [5, [2, 4]],
    [8, [3, 6]],
    [12, [5, 9]],
    [6, [3, 4]],
    [3, [1, 2]],
    [2, [1, 1]],
  ])('takes 3/7 to 5/7 of %d cells: the table of spec "regioncl" section 3.3', (grid, sides) => {
    expect(sidesFor(grid)).toEqual(sides);
  });
});

describe('roundHalfEven', () => {
  it('rounds halves to the even neighbour', () => {
    expect([0.5, 1.5, 2.5, 3.5, 0.49, 2.51].map(roundHalfEven)).toEqual([0, 2, 2, 4, 0, 3]);
  });
});

describe('sampleRectangle', () => {
  it('gives pixels and cells that agree, inside the image, with all sides and starts equally likely', () => {
    const rng = Rng.create(1);
    const counts = new Map<string, number>();
    for (let i = 0; i < 6000; i++) {
      const { rows } = sampleRectangle(rng, options());
      expect(rows.size % 32).toBe(0);
      expect(rows.start).toBe(firstCell(rows) * 32);
      expect(total(rows) * 32).toBe(rows.size);
      expect(rows.start + rows.size).toBeLessThanOrEqual(224);
      const key = `${rows.size / 32} at ${firstCell(rows)}`;
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
    // 3 cells: 5 starts, 4 cells: 4 starts, 5 cells: 3 starts; each side 1/3.
    expect(counts.size).toBe(12);
    for (const [key, count] of counts) expect(count / 6000).toBeCloseTo(1 / 3 / (8 - Number(key[0])), 1);
  });

  it('covers 16 of 49 cells on average', () => {
    const rng = Rng.create(2);
    let cells = 0;
    for (let i = 0; i < 4000; i++) {
      const box = sampleRectangle(rng, options());
      cells += (total(box.rows) * total(box.columns)) / 4000;
    }
    expect(cells).toBeCloseTo(16, 0);
  });

  it('draws squares, and never reaches the last row or column with an exclusive end', () => {
    const rng = Rng.create(3);
    for (let i = 0; i < 300; i++) {
      const square = sampleRectangle(rng, options({ aspect: 'square' }));
      expect(square.rows.size).toBe(square.columns.size);
      const exclusive = sampleRectangle(rng, options({ start: 'exclusiveEnd' }));
      expect(exclusive.rows.start + exclusive.rows.size).toBeLessThan(224);
      expect(exclusive.columns.cells[6]).toBe(0);
    }
  });

  it('pools partly covered cells with less weight where the grid does not divide the image', () => {
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const o = options({ side: 32, grid: 5, minSide: 2, maxSide: 4 });
        const { rows } = sampleRectangle(Rng.create(seed), o);
        expect(total(rows) * 6.4).toBeCloseTo(rows.size, 4);
        expect(Math.max(...rows.cells)).toBeLessThanOrEqual(1);
        expect(rows.start + rows.size).toBeLessThanOrEqual(32);
      }),
      { numRuns: 100 },
    );
  });
});

describe('officialSide', () => {
  const geometry = { side: 224, grid: 7 };

  it('rounds halves to even as the released sampler does', () => {
    expect([16, 48, 80, 112].map((u) => officialSide(u, 3, geometry).start)).toEqual([0, 64, 64, 127]);
  });

  it.each([
    [3, { 0: 0.075893, 32: 0.138393, 64: 0.147321, 96: 0.138393, 127: 0.5 }, 0.5, 0.838542],
    [4, { 0: 0.075893, 32: 0.138393, 64: 0.147321, 95: 0.638393 }, 0.361607, 0.845389],
    [5, { 0: 0.075893, 32: 0.138393, 63: 0.785714 }, 0.214286, 0.847768],
  ])('has the distribution of spec "regioncl" section 2.1 for %d cells', (cells, starts, aligned, swapped) => {
    const sides = Array.from({ length: 224 }, (_, u) => officialSide(u, cells, geometry));
    for (const [start, probability] of Object.entries(starts)) {
      expect(sides.filter((s) => s.start === Number(start)).length / 224).toBeCloseTo(probability, 5);
    }
    const isAligned = (s: Side) => s.start === firstCell(s) * 32;
    expect(sides.filter(isAligned).length / 224).toBeCloseTo(aligned, 5);
    // Share of the pooled window that lies in the swapped pixels.
    const share = (s: Side) => (s.size - (s.start - firstCell(s) * 32)) / s.size;
    expect(sides.reduce((sum, s) => sum + share(s), 0) / 224).toBeCloseTo(swapped, 5);
  });
});
