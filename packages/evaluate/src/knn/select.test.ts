import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createHeap, selectTop } from './select.js';

describe('selectTop', () => {
  it('equals sorting by (score, index), ties included', () => {
    const scores = fc.array(fc.integer({ min: -4, max: 4 }), { minLength: 1, maxLength: 60 });
    fc.assert(
      fc.property(scores, fc.integer({ min: 1, max: 60 }), fc.integer({ min: 0, max: 3 }), (values, wanted, offset) => {
        const k = Math.min(wanted, values.length);
        const heap = createHeap(k);
        const penalty = Float64Array.from(values, (_, i) => (i % 3) / 2);
        selectTop(Float32Array.from([...new Array(offset).fill(99), ...values]), offset, penalty, heap);
        const sorted = values.map((v, index) => ({ score: v - (index % 3) / 2, index }));
        sorted.sort((a, b) => b.score - a.score || a.index - b.index);
        expect([...heap.indices]).toEqual(sorted.slice(0, k).map((s) => s.index));
        expect([...heap.values]).toEqual(sorted.slice(0, k).map((s) => s.score));
      }),
    );
  });
});
