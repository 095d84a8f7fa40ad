import { createHash } from 'node:crypto';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, truncate, utimes, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { pack } from 'tar-stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ImageSet, type OpenOptions, openImages } from './open-images.js';

let root: string;
let messages: string[];
const data = () => join(root, 'data');
const cache = () => join(root, 'cache');

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'images-'));
  messages = [];
});
afterEach(() => rm(root, { recursive: true }));

const open = (options: OpenOptions = {}, location: string | string[] = data()): Promise<ImageSet> =>
  openImages(location, { cacheFolder: cache(), onMessage: (line) => messages.push(line), ...options });

/** A plain PNG whose pixels are all `value`. */
const png = (value: number, width = 8, height = 6): Promise<Buffer> =>
  sharp({ create: { width, height, channels: 3, background: { r: value, g: 0, b: 255 - value } } })
    .png()
    .toBuffer();

async function put(files: Record<string, Uint8Array>): Promise<void> {
  for (const [name, bytes] of Object.entries(files)) {
    await mkdir(dirname(join(data(), name)), { recursive: true });
    await writeFile(join(data(), name), bytes);
  }
}

const firstBytes = async (set: ImageSet): Promise<number[]> =>
  Promise.all(Array.from({ length: set.count }, async (_, id) => (await set.read(id)).data[0]!));

describe('openImages', () => {
  it('reads a folder of class folders, with labels and names', async () => {
    await put({ 'cat/1.png': await png(1), 'dog/2.png': await png(2), 'dog/notes.txt': Buffer.from('x') });
    const set = await open();
    expect([set.count, set.storage, set.classNames, [...set.labels!]]).toEqual([2, 'rgb', ['cat', 'dog'], [0, 1]]);
    expect([set.nameOf(0), set.nameOf(1)]).toEqual(['cat/1.png', 'dog/2.png']);
    expect(await firstBytes(set)).toEqual([1, 2]);
    expect(set.pixels!.bytes).toBeInstanceOf(SharedArrayBuffer);
    expect([...set.pixels!.offsets]).toEqual([0, 144, 288]);
    await expect(set.read(2)).rejects.toThrow('ids go from 0 to 1');
  });

  it('announces no cache for a split that does not exist', async () => {
    await put({ '1.png': await png(1) });
    await expect(open({ split: 'test' })).rejects.toMatchObject({ code: 'DATA' });
    expect(messages).toEqual([]);
  });

  it('holds images of different sizes', async () => {
    await put({ '1.png': await png(1, 8, 6), '2.png': await png(2, 5, 9) });
    const set = await open();
    expect([...set.pixels!.widths, ...set.pixels!.heights]).toEqual([8, 5, 6, 9]);
    expect((await set.read(1)).data).toHaveLength(135);
    expect(set.labels).toBeUndefined();
  });

  it('takes one image, and says so when there is none', async () => {
    await mkdir(data());
    await expect(open()).rejects.toMatchObject({ code: 'DATA', hint: expect.stringContaining('JPEG') });
    await put({ '1.png': await png(1) });
    expect((await open()).count).toBe(1);
    await expect(open({}, join(root, 'nowhere'))).rejects.toThrow('cannot be opened');
    await expect(open({}, join(data(), '1.png'))).rejects.toThrow('neither a folder nor');
  });

  it('reads tar archives like folders', async () => {
    await mkdir(data());
    for (const split of ['train', 'test']) {
      const tar = pack();
      tar.entry({ name: `${split}/a/1.png` }, await png(split === 'train' ? 1 : 3));
      tar.entry({ name: `${split}/b/2.png` }, await png(split === 'train' ? 2 : 4));
      tar.finalize();
      await writeFile(join(data(), `${split}.tar`), await buffer(tar));
    }
    expect(await firstBytes(await open())).toEqual([1, 2]);
    expect(await firstBytes(await open({ split: 'test' }))).toEqual([3, 4]);
    expect(
      await firstBytes(await open({ split: 'all' }, [join(data(), 'test.tar'), join(data(), 'train.tar')])),
    ).toEqual([3, 4, 1, 2]);
  });

  it('takes labels from a CSV file', async () => {
    await put({ '1.png': await png(1), '2.png': await png(2), 'labels.csv': Buffer.from('1.png,b\n2.png,a\n') });
    const set = await open({ labels: { csv: join(data(), 'labels.csv') } });
    expect([set.classNames, [...set.labels!]]).toEqual([
      ['a', 'b'],
      [1, 0],
    ]);
  });

  it('decodes once, then opens the cache', async () => {
    await put({ '1.png': await png(1), '2.png': await png(2) });
    let decoded = 0;
    const onProgress = (done: number) => {
      decoded = done;
    };
    await open({ onProgress });
    expect(decoded).toBe(2);
    decoded = 0;
    expect(await firstBytes(await open({ onProgress }))).toEqual([1, 2]);
    expect(decoded).toBe(0);
    expect(messages).toEqual([expect.stringMatching(/^Building the image cache/)]);
  });

  it('rebuilds a cache that is stale or damaged, and says why in one line', async () => {
    await put({ '1.png': await png(1), '2.png': await png(2) });
    await open();
    const [name] = await readdir(cache());
    const folder = join(cache(), name!);
    await put({ '2.png': await png(7, 4, 4) });
    expect(await firstBytes(await open())).toEqual([1, 7]);
    const bin = await readFile(join(folder, 'images.bin'));
    bin[5]! ^= 1;
    await writeFile(join(folder, 'images.bin'), bin);
    expect(await firstBytes(await open())).toEqual([1, 7]);
    await truncate(join(folder, 'images.bin'), 10);
    await open();
    await writeFile(join(folder, 'tables.bin'), 'x');
    await open();
    await writeFile(join(folder, 'index.json'), '{');
    await open();
    await utimes(join(data(), '1.png'), 1, 1);
    await open();
    expect(messages.slice(1).map((line) => line.match(/ is (.*); building it anew\.$/)?.[1])).toEqual([
      'stale (the data or the options changed)',
      'damaged (checksum of images.bin)',
      'damaged (images.bin has 10 bytes, not 192)',
      'damaged (tables.bin)',
      'damaged (index.json)',
      'stale (the data or the options changed)',
    ]);
    expect(await readdir(cache())).toEqual([name]);
  });

  it('stores the files themselves when the pixels would not fit into memory', async () => {
    await put({ 'a/1.png': await png(1, 40, 30), 'b/2.png': await png(2, 20, 20) });
    const set = await open({ memoryBytes: 1500, shorterSide: 15 });
    expect([set.storage, set.pixels, [...set.labels!]]).toEqual(['encoded', undefined, [0, 1]]);
    expect(await set.read(0)).toMatchObject({ width: 20, height: 15 });
    expect(await firstBytes(set)).toEqual([1, 2]);
    await set.close();
    const again = await open({ memoryBytes: 1501, shorterSide: 15 });
    expect(again.storage).toBe('encoded');
    await again.close();
    expect(messages).toHaveLength(1);
    expect((await open({ shorterSide: 15 })).storage).toBe('rgb');
    expect(messages[1]).toContain("stored as 'encoded', which another memory budget asked for; building it anew.");
  });

  it('skips unusable images and lists them with the reason', async () => {
    const good = await png(3, 64, 64);
    await put({
      '1.png': await png(1),
      '2.png': good.subarray(0, 60),
      '3.jpg': Buffer.from('?'),
      '4.png': await png(4),
    });
    const set = await open({ maxSkipped: 0.5 });
    expect(await firstBytes(set)).toEqual([1, 4]);
    expect(set.nameOf(1)).toBe('4.png');
    expect(set.skipped.map(({ name }) => name)).toEqual(['2.png', '3.jpg']);
    expect(set.skipped[1]!.reason).toContain('unsupported image format');
    expect((await open({ maxSkipped: 0.5 })).skipped).toEqual(set.skipped);
    await expect(open()).rejects.toThrow('2 of 4 images cannot be used');
  });

  it('fails when too many images are unusable, and leaves nothing behind', async () => {
    await put({ '1.png': await png(1), '2.png': Buffer.from('?') });
    await expect(open()).rejects.toMatchObject({
      code: 'DATA',
      message: expect.stringMatching(/^1 of 2 images cannot be used, more than the 1 %.*\n {2}2\.png: /),
      hint: expect.stringContaining('maxSkipped'),
    });
    expect(await readdir(cache())).toEqual([]);
    await put({ '1.png': Buffer.from('?') });
    await expect(open({ maxSkipped: 1 })).rejects.toThrow('2 of 2 images cannot be used:');
  });

  it('builds once when two ask at the same time', async () => {
    await put(Object.fromEntries(await Promise.all([1, 2, 3].map(async (v) => [`${v}.png`, await png(v)] as const))));
    const [a, b] = await Promise.all([open(), open()]);
    expect(await firstBytes(a!)).toEqual(await firstBytes(b!));
    expect(messages.filter((line) => line.startsWith('Building'))).toHaveLength(1);
  });

  it('takes over the lock of a process that ended, and removes what it left', async () => {
    await put({ '1.png': await png(1) });
    await open();
    const [name] = await readdir(cache());
    const reused = process.platform === 'linux' ? [`${process.ppid} ${hostname()} 1`] : []; // by a process that started later
    for (const owner of [`999999999 ${hostname()}`, ...reused]) {
      await rm(join(cache(), name!), { recursive: true, force: true });
      await writeFile(join(cache(), `${name}.lock`), owner);
      await mkdir(join(cache(), `${name}.999999999-0.tmp`));
      expect((await open()).count).toBe(1);
      expect(await readdir(cache())).toEqual([name]);
    }
  });

  it('needs less than 200 bytes an image beside the pixels', async () => {
    await put({ 'some-class/images/img_0000001.png': await png(1), 'some-class/images/img_0000002.png': await png(2) });
    await open();
    const [name] = await readdir(cache());
    expect((await readFile(join(cache(), name!, 'tables.bin'))).length).toBeLessThan(2 * 100);
  });

  it('checks its options together', async () => {
    await expect(open({ shorterSide: 0, maxSkipped: 2, memoryBytes: -1 })).rejects.toMatchObject({
      code: 'BAD_OPTION',
      message: expect.stringMatching(/shorterSide is 0.*maxSkipped is 2.*memoryBytes is -1/),
    });
  });

  it('decodes the embedded data set to the published pixels', async () => {
    const source = fileURLToPath(new URL('../../../apps/bench/data/cifar10-mini.tar.gz', import.meta.url));
    const archive = join(root, 'mini.tar.gz');
    await cp(source, archive);
    const hash = createHash('sha256');
    for (const split of ['test', 'train']) hash.update(new Uint8Array((await open({ split }, archive)).pixels!.bytes));
    expect(hash.digest('hex')).toBe('bf551ff7151552cfdc74cb6350e1da22ba35a844b707c6077e54cd0b0649b4d8');
  });
});
