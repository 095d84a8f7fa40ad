import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { createSampler } from '@contrastive/augment';
import { openImages } from '@contrastive/data';
import sharp from 'sharp';

/** What a data set of so many images costs beside its pixels. */
export interface ImagesCost {
  readonly count: number;
  /** Places, sizes, classes, names and the order of an epoch, bytes an image. */
  readonly bytes: number;
  /** Drawing the order of an epoch, milliseconds. */
  readonly orderMs: number;
  /** Opening the built cache, with its checks, milliseconds. */
  readonly openMs: number;
}

/** A tar archive of `count` images of 4 × 4 pixels in ten class folders. */
async function writeArchive(path: string, count: number): Promise<void> {
  const noise = Uint8Array.from({ length: 48 }, (_, i) => (37 * i) % 256);
  const png = await sharp(noise, { raw: { width: 4, height: 4, channels: 3 } })
    .png()
    .toBuffer();
  const entry = Buffer.alloc(512 + 512 * Math.ceil(png.length / 512));
  png.copy(entry, 512);
  const file = openSync(path, 'w');
  const field = (text: string, at: number, size: number) => {
    entry.fill(0, at, at + size);
    entry.write(text, at, 'ascii');
  };
  field('0000644\0', 100, 8);
  field(`${png.length.toString(8).padStart(11, '0')}\0`, 124, 12);
  field(`${'0'.repeat(11)}\0`, 136, 12);
  entry.write('0', 156);
  field('ustar\0', 257, 6);
  field('00', 263, 2);
  const batch: Buffer[] = [];
  for (let i = 0; i < count; i++) {
    field(`class${i % 10}/${String(i).padStart(7, '0')}.png`, 0, 100);
    field(' '.repeat(8), 148, 8); // the sum of a header counts itself as blanks
    const sum = entry.subarray(0, 512).reduce((a, b) => a + b, 0);
    field(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 8);
    batch.push(Buffer.from(entry));
    if (batch.length === 1000) writeSync(file, Buffer.concat(batch.splice(0)));
  }
  writeSync(file, Buffer.concat([...batch, Buffer.alloc(1024)]));
  closeSync(file);
}

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Memory of this process, without what threads share. */
function heldBytes(): number {
  collect();
  collect();
  const { heapUsed, external } = process.memoryUsage(); // `external` counts the array buffers
  return heapUsed + external;
}

/** Builds a cache of so many images, opens it anew and orders an epoch. */
export async function costOfImages(count: number): Promise<ImagesCost> {
  const folder = mkdtempSync(join(tmpdir(), 'images-'));
  try {
    const archive = join(folder, 'images.tar');
    await writeArchive(archive, count);
    const options = { cacheFolder: join(folder, 'cache') };
    await (await openImages(archive, options)).close();
    const before = heldBytes();
    const start = performance.now();
    const images = await openImages(archive, options);
    const openMs = performance.now() - start;
    const sampler = createSampler({ count, batch: Math.min(256, count), seed: 1 });
    const asked = performance.now();
    sampler.ids(1, 0); // draws the order of the epoch
    const orderMs = performance.now() - asked;
    const tables = images.pixels!.offsets.buffer.byteLength; // places, sizes, classes and names lie in one shared buffer
    const bytes = (heldBytes() - before + tables) / count;
    const cost: ImagesCost = { count: images.count, bytes, orderMs, openMs };
    await images.close();
    sampler.ids(1, 0); // it has been held until here
    return cost;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
