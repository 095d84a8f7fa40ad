import { describe, expect, it } from 'vitest';
import { clouds, matrix, normals } from '../../test/data.js';
import { gradientOf, tsne } from './tsne.js';
import { affinities } from './tsne-affinities.js';

describe('affinities', () => {
  it('are a symmetric distribution whose rows have the wanted perplexity', () => {
    const features = normals(40, 3, 1);
    const p = affinities(features, 7);
    expect(p.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 10);
    for (let i = 0; i < 40; i++) {
      expect(p[i * 41]).toBe(0);
      for (let j = 0; j < i; j++) expect(p[i * 40 + j]).toBe(p[j * 40 + i]);
    }
    // Four corners of a square see two near and one far point; between 2 and 3 neighbours the perplexity is reached exactly.
    const square = affinities(
      matrix([
        [0, 0],
        [0, 1],
        [1, 0],
        [1, 1],
      ]),
      2.5,
    );
    const row = [square[1]!, square[2]!, square[3]!].map((v) => 4 * v);
    expect(Math.exp(-row.reduce((sum, v) => sum + v * Math.log(v), 0))).toBeCloseTo(2.5, 4);
  });

  it('do not depend on the scale of features', () => {
    const features = normals(30, 3, 2);
    const scaled = { ...features, data: features.data.map((v) => 1000 * v) };
    const [a, b] = [affinities(features, 5), affinities(scaled, 5)];
    a.forEach((v, i) => {
      expect(b[i]).toBeCloseTo(v, 6);
    });
  });
});

describe('gradientOf', () => {
  it('is the slope of KL(P ‖ Q)', () => {
    const n = 6;
    const p = affinities(normals(n, 3, 3), 2);
    const y = Float64Array.from(normals(n, 2, 4).data);
    const divergence = (at: Float64Array): number => {
      const near = (i: number, j: number) =>
        1 / (1 + (at[2 * i]! - at[2 * j]!) ** 2 + (at[2 * i + 1]! - at[2 * j + 1]!) ** 2);
      let [total, kl] = [0, 0];
      for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) if (i !== j) total += near(i, j);
      for (let i = 0; i < n; i++) {
        for (let j = 0; j < n; j++) if (i !== j) kl += p[i * n + j]! * Math.log((p[i * n + j]! * total) / near(i, j));
      }
      return kl;
    };
    const gradient = new Float64Array(2 * n);
    gradientOf(y, p, n, 1, gradient);
    for (let i = 0; i < 2 * n; i++) {
      const at = (step: number) => divergence(y.map((v, j) => (j === i ? v + step : v)));
      expect(gradient[i]).toBeCloseTo((at(1e-5) - at(-1e-5)) / 2e-5, 6);
    }
  });
});

describe('tsne', () => {
  const features = clouds(90, 60, 3, 2, 5);

  it('keeps separated clouds apart, the same for the same seed', () => {
    const options = { iterations: 250, perplexity: 10, learningRate: 50, knnAccuracy: 0.875 };
    const { points, caption } = tsne(features, options);
    const nearestOf = (i: number) => {
      const distance = (j: number) =>
        Math.hypot(points[2 * i]! - points[2 * j]!, points[2 * i + 1]! - points[2 * j + 1]!);
      return Array.from({ length: 90 }, (_, j) => j)
        .filter((j) => j !== i)
        .sort((a, b) => distance(a) - distance(b))[0]!;
    };
    const pure = Array.from({ length: 90 }, (_, i) => features.labels[i] === features.labels[nearestOf(i)]);
    expect(pure.filter(Boolean).length).toBeGreaterThan(85);
    expect(tsne(features, options).points).toEqual(points);
    expect(caption).toBe(
      't-SNE (perplexity 10, 250 iterations, PCA to 50), seed 0, 90 images, 60 features. kNN accuracy of these features: 87.5 %. Distances between clusters and sizes of clusters are not meaningful.',
    );
  });

  it('refuses too few and too many rows, and bad options', () => {
    expect(() => tsne(normals(60, 2, 1))).toThrow(/needs more than 60 rows, but there are 60/);
    expect(() => tsne(normals(2001, 2, 1))).toThrow(/2001 rows are too many/);
    expect(() => tsne(features, { perplexity: 0, iterations: 0, knnAccuracy: 70 })).toThrow(
      /perplexity.*\n.*iterations.*\n.*knnAccuracy/,
    );
  });
});
