/** Finds the best entries of rows of scores; its buffers are reused from row to row. */
export interface Selector {
  /** Of the last selected row, best first. */
  readonly values: Float64Array;
  readonly indices: Int32Array;
  /**
   * The k best of `scores[offset + j] − penalty[j]`, j = 0 … n − 1: larger first, at equal values the smaller index.
   */
  select(scores: Float32Array, offset: number, penalty: Float64Array): void;
}

/** Entries looked at for a first bound; their best `SAMPLE_KEPT`, or as many as stand for 2k of all, must exceed it. */
const SAMPLE = 2048;
const SAMPLE_KEPT = 8;

/**
 * A selector of the `k` best of `n` entries, k ≤ n.
 *
 * A sample of the row gives a bound that about 2k entries exceed; one pass collects those, and only they go through a heap. Should fewer
 * than k exceed it (rare), all entries do. The result never depends on the sample.
 */
export function createSelector(n: number, k: number): Selector {
  const best = createHeap(k);
  const sampleSize = Math.min(SAMPLE, n);
  const top = createHeap(Math.min(sampleSize, Math.max(SAMPLE_KEPT, Math.ceil((2 * k * sampleSize) / n))));
  const stride = Math.floor(n / sampleSize);
  const values = new Float64Array(n);
  const indices = new Int32Array(n);

  const collect = (scores: Float32Array, offset: number, penalty: Float64Array, bound: number): number => {
    let count = 0;
    for (let j = 0; j < n; j++) {
      const value = scores[offset + j]! - penalty[j]!;
      if (value >= bound) {
        values[count] = value;
        indices[count++] = j;
      }
    }
    return count;
  };

  return {
    ...best,
    select: (scores, offset, penalty) => {
      for (let s = 0; s < sampleSize; s++) values[s] = scores[offset + s * stride]! - penalty[s * stride]!;
      keepBest(top, values, indices, sampleSize);
      let count = collect(scores, offset, penalty, top.values[0]!);
      if (count < k) count = collect(scores, offset, penalty, Number.NEGATIVE_INFINITY);
      keepBest(best, values, indices, count);
      sortHeap(best);
    },
  };
}

/** A heap with its worst entry on top. */
interface Heap {
  readonly values: Float64Array;
  readonly indices: Int32Array;
}

const createHeap = (size: number): Heap => ({ values: new Float64Array(size), indices: new Int32Array(size) });

/** Fills the heap with the best of `count` entries, of which at equal values earlier ones have smaller indices. */
function keepBest(heap: Heap, values: Float64Array, indices: Int32Array, count: number): void {
  const size = heap.values.length;
  heap.values.set(values.subarray(0, size));
  heap.indices.set(indices.subarray(0, size));
  for (let root = (size >> 1) - 1; root >= 0; root--) siftDown(heap, root, size);
  let worst = heap.values[0]!;
  for (let j = size; j < count; j++) {
    // Indices ascend, so an equal score never beats one that is already in.
    if (values[j]! > worst) {
      heap.values[0] = values[j]!;
      heap.indices[0] = indices[j]!;
      siftDown(heap, 0, size);
      worst = heap.values[0]!;
    }
  }
}

/** Takes the worst off again and again, filling from the back. */
function sortHeap(heap: Heap): void {
  const { values, indices } = heap;
  for (let end = values.length - 1; end > 0; end--) {
    const value = values[0]!;
    const index = indices[0]!;
    values[0] = values[end]!;
    indices[0] = indices[end]!;
    values[end] = value;
    indices[end] = index;
    siftDown(heap, 0, end);
  }
}

function siftDown({ values, indices }: Heap, start: number, size: number): void {
  const value = values[start]!;
  const index = indices[start]!;
  let hole = start;
  for (;;) {
    let child = 2 * hole + 1;
    if (child >= size) break;
    if (child + 1 < size && isWorse(values[child + 1]!, indices[child + 1]!, values[child]!, indices[child]!)) child++;
    if (!isWorse(values[child]!, indices[child]!, value, index)) break;
    values[hole] = values[child]!;
    indices[hole] = indices[child]!;
    hole = child;
  }
  values[hole] = value;
  indices[hole] = index;
}

const isWorse = (a: number, indexA: number, b: number, indexB: number): boolean =>
  a < b || (a === b && indexA > indexB);
