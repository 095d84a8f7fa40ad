import * as tf from '@tensorflow/tfjs-core';
import { columnMeans, type FeatureMatrix, shiftRows } from '../features.js';

/**
 * Products with one centred feature matrix X − μ, [n, d]. Centring moves an un-penalised intercept and nothing else, but makes the
 * problem far better conditioned and the float32 products more exact.
 */
export interface Products {
  /** (X − μ)·W for W [d, c]: [n, c]. */
  forward(weights: Float64Array, columns: number): Promise<Float64Array>;
  /** (X − μ)ᵀ·R for R [n, c]: [d, c]. */
  backward(residuals: Float64Array, columns: number): Promise<Float64Array>;
  dispose(): void;
}

/** In JavaScript, float64 throughout: for small problems and for the last digits. About 1 G multiply-adds a second. */
export function products64({ data, rows, dim }: FeatureMatrix, mean: Float64Array): Products {
  return {
    forward: async (weights, columns) => {
      const out = new Float64Array(rows * columns);
      if (columns === 1) {
        for (let i = 0, at = 0; i < rows; i++) {
          let sum = 0;
          for (let j = 0; j < dim; j++, at++) sum += (data[at]! - mean[j]!) * weights[j]!;
          out[i] = sum;
        }
        return out;
      }
      for (let i = 0; i < rows; i++) {
        const row = out.subarray(i * columns, (i + 1) * columns);
        for (let j = 0; j < dim; j++) {
          const x = data[i * dim + j]! - mean[j]!;
          for (let c = 0, w = j * columns; c < columns; c++, w++) row[c]! += x * weights[w]!;
        }
      }
      return out;
    },
    backward: async (residuals, columns) => {
      const out = new Float64Array(dim * columns);
      if (columns === 1) {
        for (let i = 0; i < rows; i++) {
          const residual = residuals[i]!;
          if (residual === 0) continue; // most rows of a hinge loss
          for (let j = 0, at = i * dim; j < dim; j++, at++) out[j]! += (data[at]! - mean[j]!) * residual;
        }
        return out;
      }
      for (let i = 0; i < rows; i++) {
        const row = residuals.subarray(i * columns, (i + 1) * columns);
        for (let j = 0; j < dim; j++) {
          const x = data[i * dim + j]! - mean[j]!;
          for (let c = 0, w = j * columns; c < columns; c++, w++) out[w]! += x * row[c]!;
        }
      }
      return out;
    },
    dispose: () => {},
  };
}

/** Rows summed in float32 at once; the blocks' sums are added in float64. */
const BLOCK_ROWS = 8192;

/** On the tensor backend, float32 products of blocks of rows, added in float64. */
export function productsOnDevice(features: FeatureMatrix, mean: Float64Array): Products {
  const { data, rows, dim } = shiftRows(features, mean);
  const blocks: tf.Tensor2D[] = [];
  for (let start = 0; start < rows; start += BLOCK_ROWS) {
    const count = Math.min(BLOCK_ROWS, rows - start);
    blocks.push(tf.tensor2d(data.subarray(start * dim, (start + count) * dim), [count, dim]));
  }
  return {
    forward: async (weights, columns) => {
      const out = new Float64Array(rows * columns);
      const w = tf.tensor2d(Float32Array.from(weights), [dim, columns]);
      for (const [b, block] of blocks.entries()) out.set(await read(tf.matMul(block, w)), b * BLOCK_ROWS * columns);
      w.dispose();
      return out;
    },
    backward: async (residuals, columns) => {
      const out = new Float64Array(dim * columns);
      for (const [b, block] of blocks.entries()) {
        const first = b * BLOCK_ROWS * columns;
        const part = Float32Array.from(residuals.subarray(first, first + block.shape[0] * columns));
        const r = tf.tensor2d(part, [block.shape[0], columns]);
        const sum = await read(tf.matMul(block, r, true));
        r.dispose();
        for (let i = 0; i < out.length; i++) out[i]! += sum[i]!;
      }
      return out;
    },
    dispose: () => tf.dispose(blocks),
  };
}

async function read(t: tf.Tensor): Promise<Float32Array> {
  const values = (await t.data()) as Float32Array;
  t.dispose();
  return values;
}

/** Mean to centre by, or zeros where the intercept is penalised or absent (centring would change the optimum). */
export const centreOf = (features: FeatureMatrix, centred: boolean): Float64Array =>
  centred ? columnMeans(features) : new Float64Array(features.dim);
