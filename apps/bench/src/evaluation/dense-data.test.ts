import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { EncoderMeta } from '../encoder-file.js';
import { openDenseData } from './dense-data.js';

const meta: EncoderMeta = { backbone: { name: 'resnet18' }, side: 32, mean: [0, 0, 0], std: [1, 1, 1] };
const folder = mkdtempSync(join(tmpdir(), 'dense-'));

/** 20 × 10 pixels, white on the right half; mask 1 on the left half, 2 on the right. */
async function writeSet(index: object) {
  for (const name of ['images', 'masks']) mkdirSync(join(folder, name), { recursive: true });
  const half = (left: number, right: number) =>
    Uint8Array.from({ length: 200 }, (_, i) => (i % 20 < 10 ? left : right));
  const png = (data: Uint8Array) =>
    sharp(data, { raw: { width: 20, height: 10, channels: 1 } })
      .png()
      .toBuffer();
  for (const name of ['a', 'b']) {
    writeFileSync(join(folder, 'images', `${name}.png`), await png(half(0, 255)));
    writeFileSync(join(folder, 'masks', `${name}.png`), await png(half(1, 2)));
  }
  writeFileSync(join(folder, 'index.json'), JSON.stringify(index));
}

const item = (name: string, split: string) => ({
  ...{ image: `images/${name}.png`, mask: `masks/${name}.png`, split, width: 20, height: 10 },
  ...{ boxes: [[10, 0, 20, 10]], labels: [0] },
});
const INDEX = { name: 'tiny', classes: ['thing'], items: [item('a', 'train'), item('b', 'test')] };

beforeAll(() => writeSet(INDEX));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('openDenseData', () => {
  it('fits images, boxes and masks into one square', async () => {
    const { train, classes, maskClasses } = await openDenseData(folder, meta, 10);
    expect([classes, maskClasses]).toEqual([['thing'], ['background', 'thing']]);
    const { images, objects } = train.detection;
    expect([images.shape, objects]).toEqual([[1, 10, 10, 3], [{ image: 0, label: 0, region: [5, 0, 10, 5] }]]);
    const red = (y: number, x: number) => images.data[(y * 10 + x) * 3];
    expect([red(2, 1), red(2, 8), red(7, 8)]).toEqual([0, 1, 0]); // the lower half is filled
    const { masks } = train.segmentation;
    expect([masks[21], masks[28], masks[78]]).toEqual([1, 1, 255]);
  });

  it('numbers mask values by their names, unlabelled pixels are ignored', async () => {
    await writeSet({ ...INDEX, maskClasses: { 0: 'unlabelled', 2: 'sky' } });
    const { train, maskClasses } = await openDenseData(folder, meta, 10);
    expect(maskClasses).toEqual(['sky']);
    expect([train.segmentation.masks[21], train.segmentation.masks[28]]).toEqual([255, 0]);
  });

  it('says what is missing or wrong', async () => {
    await expect(openDenseData(join(folder, 'nowhere'), meta, 10)).rejects.toThrow(/nowhere does not exist/);
    await expect(openDenseData(join(folder, 'images'), meta, 10)).rejects.toThrow(/has no index\.json/);
    await writeSet({ ...INDEX, items: [item('a', 'train')] });
    await expect(openDenseData(folder, meta, 10)).rejects.toThrow(/has no test images/);
    await writeSet({ ...INDEX, items: [item('gone', 'train'), item('b', 'test')] });
    await expect(openDenseData(folder, meta, 10)).rejects.toThrow(/lacks images\/gone\.png/);
    await writeSet({ ...INDEX, classes: [] });
    await expect(openDenseData(folder, meta, 10)).rejects.toThrow(/classes: /);
  });

  it.each([
    ['pennfudan', { train: 120, test: 50, masks: 120, boxes: 131, classes: 1 }],
    ['coco128', { train: 128, test: 128, masks: 100, boxes: 898, classes: 80 }],
  ])('reads %s whole', async (name, counts) => {
    const data = fileURLToPath(new URL(`../../../../../shared/data/${name}`, import.meta.url));
    if (!existsSync(data)) return console.log(`Skipped: ${data} is not here.`);
    const set = await openDenseData(data, meta, 32);
    expect({
      train: set.train.detection.images.shape[0],
      test: set.test.detection.images.shape[0],
      masks: set.train.segmentation.images.shape[0],
      boxes: set.test.detection.objects.length,
      classes: set.classes.length,
    }).toEqual(counts);
    const largest = set.train.segmentation.masks.reduce((a, b) => (b < 255 && b > a ? b : a), 0);
    expect(largest).toBeLessThan(set.maskClasses.length);
  });
});
