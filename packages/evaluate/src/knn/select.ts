/**
 * The `k` best entries of one row of scores, best first: larger score first, at equal scores the smaller index.
 * Entry j counts as `scores[offset + j] − penalty[j]`.
 *
 * A heap of the k best so far, worst on top: almost every entry is only compared with the top (k·ln(n/k) of n enter).
 */
export function selectTop(scores: Float32Array, offset: number, penalty: Float64Array, heap: Heap): void {
  const n = penalty.length;
  const { values, indices } = heap;
  const k = values.length;
  for (let j = 0; j < k; j++) {
    values[j] = scores[offset + j]! - penalty[j]!;
    indices[j] = j;
  }
  for (let root = (k >> 1) - 1; root >= 0; root--) siftDown(heap, root, k);
  let worst = values[0]!;
  for (let j = k; j < n; j++) {
    const value = scores[offset + j]! - penalty[j]!;
    // Indices ascend, so an equal score never beats one that is already in.
    if (value > worst) {
      values[0] = value;
      indices[0] = j;
      siftDown(heap, 0, k);
      worst = values[0]!;
    }
  }
  sortHeap(heap);
}

/** Room for `k` entries: {@link selectTop} leaves them sorted, best first. */
export interface Heap {
  readonly values: Float64Array;
  readonly indices: Int32Array;
}

export const createHeap = (k: number): Heap => ({ values: new Float64Array(k), indices: new Int32Array(k) });

/** Takes the worst off again and again, filling from the back. */
function sortHeap(heap: Heap): void {
  for (let end = heap.values.length - 1; end > 0; end--) {
    swap(heap, 0, end);
    siftDown(heap, 0, end);
  }
}

function siftDown(heap: Heap, start: number, size: number): void {
  const { values, indices } = heap;
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

function swap({ values, indices }: Heap, i: number, j: number): void {
  const value = values[i]!;
  const index = indices[i]!;
  values[i] = values[j]!;
  indices[i] = indices[j]!;
  values[j] = value;
  indices[j] = index;
}
