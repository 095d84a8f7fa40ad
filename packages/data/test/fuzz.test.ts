import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { pack } from 'tar-stream';
import { afterAll, describe, expect, it } from 'vitest';
import { readTar } from '../src/containers/tar.js';
import { DataError, decodeImage, openImages } from '../src/index.js';
import { fuzzImages, originals, pngOf } from './damaged-images.js';

const root = mkdtempSync(join(tmpdir(), 'contrastive-fuzz-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
const images = await originals();

/** One to four bytes changed, or the file cut. */
const damage = fc.record({
  cut: fc.option(fc.double({ min: 0, max: 1, noNaN: true }), { nil: undefined }),
  changes: fc.array(fc.tuple(fc.double({ min: 0, max: 0.9999, noNaN: true }), fc.integer({ min: 1, max: 255 })), {
    minLength: 1,
    maxLength: 4,
  }),
});
type Damage = { readonly cut: number | undefined; readonly changes: readonly (readonly [number, number])[] };

function damaged(bytes: Buffer, { cut, changes }: Damage): Buffer {
  const copy = Buffer.from(cut === undefined ? bytes : bytes.subarray(0, Math.floor(cut * bytes.length)));
  for (const [at, change] of changes) if (copy.length > 0) copy[Math.floor(at * copy.length)]! ^= change;
  return copy;
}

describe('decodeImage', () => {
  it('decodes or refuses damaged images, without a crash, a hang or growing memory', async () => {
    const { decoded, refused, growthMb } = await fuzzImages(300, 7);
    expect(decoded + refused).toBe(300);
    expect(decoded).toBeGreaterThan(20);
    expect(refused).toBeGreaterThan(100);
    expect(growthMb).toBeLessThan(300);
  });

  it('interprets no SVG, whatever it is called', async () => {
    const svg = '<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"><rect width="8" height="8"/></svg>';
    await expect(decodeImage(Buffer.from(svg))).rejects.toThrow('unsupported image format');
  });

  it('refuses a bomb by its header, before it takes memory', async () => {
    const bomb = pngOf(11_000);
    expect(bomb.length).toBeLessThan(200_000);
    const before = process.memoryUsage().rss;
    await expect(decodeImage(bomb)).rejects.toMatchObject({ code: 'DATA' });
    expect((process.memoryUsage().rss - before) / 2 ** 20).toBeLessThan(50);
  });
});

describe('openImages', () => {
  it('takes an image by its content, whatever its extension says', async () => {
    const folder = folderOf({ 'a/0.png': images.jpeg!, 'a/1.jpg': images.webp!, 'b/2.gif': images.png! });
    const set = await openImages(folder, { cacheFolder: join(root, 'cache-extensions') });
    expect(set.count).toBe(3);
    await set.close();
  });

  it.each([
    ['decoded', undefined],
    ['encoded', 0],
  ])('gives the same images and classes from a damaged cache (%s)', async (name, memoryBytes) => {
    const folder = folderOf({ 'a/0.jpg': images.jpeg!, 'a/1.png': images.png!, 'b/2.webp': images.webp! });
    const options = { cacheFolder: join(root, `cache-${name}`), ...(memoryBytes === undefined ? {} : { memoryBytes }) };
    const pixels = async () => {
      const set = await openImages(folder, options);
      try {
        return await Promise.all(
          [0, 1, 2].map(async (id) => Buffer.from((await set.read(id)).data).toString('base64')),
        );
      } finally {
        await set.close();
      }
    };
    const expected = await pixels();
    const [cacheName] = readdirSync(options.cacheFolder);
    const cache = join(options.cacheFolder, cacheName!);
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...readdirSync(cache)), damage, async (file, how) => {
        const path = join(cache, file);
        const whole = readFileSync(path);
        writeFileSync(path, damaged(whole, how));
        // Encoded records are not all read when the cache is opened: a damaged one is named when it is.
        const changed = readFileSync(path);
        const isLate = memoryBytes !== undefined && file === 'images.bin' && changed.length === whole.length;
        if (isLate && !changed.equals(whole)) {
          await expect(pixels()).rejects.toThrow(/^Image \d of the image cache .* is damaged\.$/);
          writeFileSync(path, whole);
        }
        expect(await pixels()).toEqual(expected);
      }),
      { numRuns: 25 },
    );
  });
});

describe('readTar', () => {
  it('reads, skips or refuses what is damaged, and never leaves its folder', async () => {
    const archive = await tarOf({
      'a/0.jpg': images.jpeg!,
      '../../out.jpg': images.jpeg!,
      '/etc/out.jpg': images.png!,
    });
    const path = join(root, 'fuzz.tar');
    await fc.assert(
      fc.asyncProperty(damage, async (how) => {
        writeFileSync(path, damaged(archive, how));
        try {
          for await (const { name, bytes } of readTar(path)) {
            expect(name.startsWith('/') || name.split('/').includes('..')).toBe(false);
            await bytes();
          }
        } catch (error) {
          expect(error).toBeInstanceOf(DataError);
        }
      }),
      { numRuns: 60 },
    );
    expect(existsSync(join(root, '..', 'out.jpg'))).toBe(false);
  });
});

let folders = 0;
function folderOf(files: Readonly<Record<string, Buffer>>): string {
  const folder = join(root, `data-${folders++}`);
  for (const [name, bytes] of Object.entries(files)) {
    mkdirSync(join(folder, name, '..'), { recursive: true });
    writeFileSync(join(folder, name), bytes);
  }
  return folder;
}

async function tarOf(files: Readonly<Record<string, Buffer>>): Promise<Buffer> {
  const archive = pack();
  for (const [name, bytes] of Object.entries(files)) archive.entry({ name }, bytes);
  archive.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of archive) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
