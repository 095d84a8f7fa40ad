import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FeatureCache, type FeatureKey } from './feature-cache.js';

const key: FeatureKey = { encoder: 'e1', data: 'd1', side: 32, output: 'pooled', backend: 'tensorflow-f32' };
const features = { data: Float32Array.of(1, 2, 3, 4, 5, 6), rows: 2, dim: 3 };

let folder: string;
let lines: string[];
let made: number;
let cache: FeatureCache;
const get = (k: FeatureKey = key) =>
  cache.get(k, async () => {
    made++;
    return features;
  });

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'features-'));
  [lines, made] = [[], 0];
  cache = new FeatureCache(join(folder, 'new'), (line) => lines.push(line));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('FeatureCache', () => {
  it('makes features once, then reads them bit for bit', async () => {
    await get();
    const again = await get();
    expect([made, again.rows, again.dim, [...again.data]]).toEqual([1, 2, 3, [1, 2, 3, 4, 5, 6]]);
    expect(lines).toEqual([]);
  });

  it.each([{ encoder: 'e2' }, { data: 'd2' }, { side: 64 }, { backend: 'eager' }])(
    'never uses features of another key (%o), not even from its file',
    async (other) => {
      await get();
      await get({ ...key, ...other });
      expect(made).toBe(2);
      copyFileSync(cache.pathOf({ ...key, ...other }), cache.pathOf(key));
      await get();
      expect(made).toBe(3);
      expect(lines[0]).toMatch(/belong to another encoder or other images/);
    },
  );

  it('makes damaged features anew, and says so', async () => {
    await get();
    const bytes = readFileSync(cache.pathOf(key));
    bytes[bytes.length - 1]! ^= 1;
    writeFileSync(cache.pathOf(key), bytes);
    await get();
    writeFileSync(cache.pathOf(key), bytes.subarray(0, 20));
    await get();
    expect(made).toBe(3);
    expect(lines[0]).toMatch(/checksum does not fit/);
    expect(lines).toHaveLength(2);
    await get();
    expect(made).toBe(3);
  });

  it('keeps nothing without a folder', async () => {
    cache = new FeatureCache(undefined, () => undefined);
    await get();
    await get();
    expect(made).toBe(2);
  });

  it('says which folder cannot be made', async () => {
    writeFileSync(join(folder, 'file'), '');
    cache = new FeatureCache(join(folder, 'file', 'below'), () => undefined);
    await expect(get()).rejects.toMatchObject({ code: 'IO', message: expect.stringContaining(join(folder, 'file')) });
  });
});
