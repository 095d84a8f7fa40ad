import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Rng } from '@contrastive/core';
import sharp from 'sharp';

/** Smooth images with some noise, interleaved RGB bytes one after the other. */
export function makePixels(count: number, width: number, height: number): Uint8Array {
  const rng = Rng.create(1);
  const noise = Uint8Array.from({ length: 65536 }, () => rng.integer(40));
  const row = width * 3;
  return new Uint8Array(row * height * count).map(
    (_, i) => 60 + ((i % row) + (Math.floor(i / row) % height)) / 8 + noise[i % 65521]!,
  );
}

/** JPEG files of 500 × 375 pixels, in two class folders. */
export async function makeJpegs(folder: string, count: number): Promise<void> {
  const [width, height] = [500, 375];
  const size = width * height * 3;
  const pixels = makePixels(8, width, height);
  for (const name of ['a', 'b']) mkdirSync(join(folder, name), { recursive: true });
  for (let i = 0; i < count; i++) {
    const raw = pixels.subarray((i % 8) * size, (1 + (i % 8)) * size);
    const file = join(folder, i % 2 === 0 ? 'a' : 'b', `${i}.jpg`);
    await sharp(raw, { raw: { width, height, channels: 3 } })
      .jpeg({ quality: 90 })
      .toFile(file);
  }
}
