import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { normals } from '../../test/data.js';
import { centreOf, products64, productsOnDevice } from './products.js';

describe('products', () => {
  // 8200 rows are more than one block on the device.
  const features = normals(8200, 3, 1);
  const mean = Float64Array.of(0.5, -1, 2);
  const centred = (i: number, j: number) => features.data[i * 3 + j]! - mean[j]!;

  it.each([1, 2])('equal their definition with %i columns, in float64 and on the device', async (columns) => {
    const weights = Float64Array.from({ length: 3 * columns }, (_, i) => Math.sin(i + 1));
    const residuals = Float64Array.from({ length: 8200 * columns }, (_, i) => (i % 3 === 0 ? 0 : Math.cos(i)));
    const before = tf.memory().numTensors;
    for (const [products, digits] of [
      [products64(features, mean), 10],
      [productsOnDevice(features, mean), 3],
    ] as const) {
      const forward = await products.forward(weights, columns);
      for (const i of [0, 8191, 8192, 8199]) {
        for (let c = 0; c < columns; c++) {
          const expected = [0, 1, 2].reduce((sum, j) => sum + centred(i, j) * weights[j * columns + c]!, 0);
          expect(forward[i * columns + c]).toBeCloseTo(expected, digits);
        }
      }
      const backward = await products.backward(residuals, columns);
      for (let j = 0; j < 3; j++) {
        for (let c = 0; c < columns; c++) {
          let expected = 0;
          for (let i = 0; i < 8200; i++) expected += centred(i, j) * residuals[i * columns + c]!;
          expect(backward[j * columns + c]).toBeCloseTo(expected, digits - 1);
        }
      }
      products.dispose();
    }
    expect(tf.memory().numTensors).toBe(before);
  });

  it('are centred by the column means, or not at all', () => {
    const rows = { data: Float32Array.of(1, 2, 3, 6), rows: 2, dim: 2 };
    expect([...centreOf(rows, true)]).toEqual([2, 4]);
    expect([...centreOf(rows, false)]).toEqual([0, 0]);
  });
});
