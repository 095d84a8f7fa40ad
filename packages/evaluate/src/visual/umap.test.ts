import '@tensorflow/tfjs-backend-cpu';
import { describe, expect, it } from 'vitest';
import { clouds, normals } from '../../test/data.js';
import { umap } from './umap.js';

describe('umap', () => {
  const features = clouds(90, 10, 3, 3, 5);

  it('keeps separated clouds apart, the same for the same seed', async () => {
    const { points, caption } = await umap(features, { epochs: 100 });
    const centre = (label: number, axis: number) => {
      const own = Array.from({ length: 90 }, (_, i) => i).filter((i) => features.labels[i] === label);
      return own.reduce((sum, i) => sum + points[2 * i + axis]!, 0) / own.length;
    };
    for (let i = 0; i < 90; i++) {
      const distance = (c: number) => Math.hypot(points[2 * i]! - centre(c, 0), points[2 * i + 1]! - centre(c, 1));
      const nearest = [0, 1, 2].sort((a, b) => distance(a) - distance(b))[0];
      expect(nearest).toBe(features.labels[i]);
    }
    expect((await umap(features, { epochs: 100 })).points).toEqual(points);
    expect((await umap(features, { epochs: 100, seed: 1 })).points).not.toEqual(points);
    expect(caption).toBe(
      'UMAP (15 neighbours, min_dist 0.1, Euclidean), seed 0, 90 images, 10 features. Distances between clusters and sizes of clusters are not meaningful.',
    );
  });

  it('refuses too few rows, NaN and bad options', async () => {
    await expect(umap(normals(15, 2, 1))).rejects.toThrow(/more than 15 rows, but there are 15/);
    const broken = { ...features, data: features.data.map((v, i) => (i === 3 ? Number.NaN : v)) };
    await expect(umap(broken)).rejects.toMatchObject({ code: 'NOT_FINITE' });
    await expect(umap(features, { neighbors: 1, spread: 0 })).rejects.toThrow(/neighbors.*\n.*spread/);
  });
});
