import type { LinearClassifier } from './classifier.js';

/** Batch norm without scale and shift: no gradient is needed, since its input is frozen. */
export interface Standardizer {
  /** Standardises the batch [rows, dim] in place with its own statistics, and moves the running ones. */
  apply(batch: Float32Array, rows: number): void;
  /** The classifier on raw features that equals `classifier` after the running statistics. */
  fold(classifier: LinearClassifier): LinearClassifier;
}

/** Share of a new batch in running statistics (PyTorch's default). */
const MOMENTUM = 0.1;

export function batchStandardizer(dim: number, epsilon: number): Standardizer {
  const mean = new Float64Array(dim);
  const variance = new Float64Array(dim).fill(1);
  return {
    apply: (batch, rows) => {
      for (let j = 0; j < dim; j++) {
        let [sum, squares] = [0, 0];
        for (let i = j; i < batch.length; i += dim) sum += batch[i]!;
        const centre = sum / rows;
        for (let i = j; i < batch.length; i += dim) squares += (batch[i]! - centre) ** 2;
        const scale = 1 / Math.sqrt(squares / rows + epsilon);
        for (let i = j; i < batch.length; i += dim) batch[i] = (batch[i]! - centre) * scale;
        mean[j]! += MOMENTUM * (centre - mean[j]!);
        // Running variance is the unbiased one; a batch of one row has none.
        if (rows > 1) variance[j]! += MOMENTUM * (squares / (rows - 1) - variance[j]!);
      }
    },
    fold: ({ classes, weights, intercept }) => {
      const scaled = weights.map((w, i) => w / Math.sqrt(variance[Math.floor(i / classes)]! + epsilon));
      const moved = intercept.slice();
      scaled.forEach((w, i) => {
        moved[i % classes]! -= mean[Math.floor(i / classes)]! * w;
      });
      return { dim, classes, weights: scaled, intercept: moved };
    },
  };
}
