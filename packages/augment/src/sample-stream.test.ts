import { describe, expect, it } from 'vitest';
import { SampleStream, viewKey } from './sample-stream.js';

const first = (stream: SampleStream, n: number) => Array.from({ length: n }, () => stream.next());

describe('SampleStream', () => {
  it('gives each image its own numbers, in whatever order images are asked for', () => {
    const stream = new SampleStream(viewKey(1, 2, 'view1'));
    const seven = first(stream.at(7), 9);
    const eight = first(stream.at(8), 3);
    expect(first(stream.at(7), 9)).toEqual(seven);
    expect(first(new SampleStream(viewKey(1, 2, 'view1')).at(8), 3)).toEqual(eight);
    expect(new Set([...seven, ...eight]).size).toBe(12);
  });

  it('depends on the seed, the epoch and the name of the view', () => {
    const keys = [viewKey(1, 2, 'a'), viewKey(2, 2, 'a'), viewKey(1, 3, 'a'), viewKey(1, 2, 'b')];
    expect(new Set(keys.map((key) => new SampleStream(key).at(0).next())).size).toBe(4);
    expect(viewKey(1, 2, 'a')).toEqual(keys[0]);
  });

  it('is uniform: means and variances of 20,000 numbers over images and places', () => {
    const stream = new SampleStream(viewKey(3, 0, 'view2'));
    const values = Array.from({ length: 2000 }, (_, i) => first(stream.at(i), 10)).flat();
    const mean = values.reduce((a, b) => a + b) / values.length;
    const variance = values.reduce((s, v) => s + (v - mean) ** 2, 0) / values.length;
    expect(mean).toBeCloseTo(0.5, 2);
    expect(variance).toBeCloseTo(1 / 12, 2);
    expect(Math.max(...values)).toBeLessThan(1);
  });
});
