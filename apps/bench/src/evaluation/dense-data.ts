import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type HostTensor, SslError } from '@contrastive/core';
import { decodeImage, isTarName, type RgbImage, readTar } from '@contrastive/data';
import type { DetectionSet, SegmentationSet } from '@contrastive/evaluate';
import type * as tf from '@tensorflow/tfjs-core';
import { z } from 'zod';
import type { EncoderMeta } from '../encoder-file.js';
import { ioError } from '../files.js';

/** `index.json` of an annotated set: boxes in pixels of the stored image (x1, y1 exclusive), and a mask image where there is one. */
const indexSchema = z.object({
  name: z.string(),
  classes: z.array(z.string()).min(1),
  /** Names by mask value; without it a mask numbers the boxes, 0 is background, and there are two classes. */
  maskClasses: z.record(z.string(), z.string()).optional(),
  items: z
    .array(
      z.object({
        image: z.string(),
        mask: z.string().nullish(),
        split: z.string(),
        width: z.number().positive(),
        height: z.number().positive(),
        boxes: z.array(z.tuple([z.number(), z.number(), z.number(), z.number()])),
        labels: z.array(z.int().min(0)),
      }),
    )
    .min(1),
});
type Item = z.output<typeof indexSchema>['items'][number];

/** One split, all images in a square of `side` pixels: longer side fitted, the rest filled with the mean. */
export interface DenseSplit {
  readonly detection: DetectionSet;
  /** Of the images that have a mask; what was filled is ignored. */
  readonly segmentation: SegmentationSet;
}

export interface DenseData {
  readonly name: string;
  readonly classes: readonly string[];
  readonly maskClasses: readonly string[];
  readonly fingerprint: string;
  readonly train: DenseSplit;
  readonly test: DenseSplit;
}

const IGNORED = 255;

/**
 * Reads an annotated set (`index.json`, `images/`, `masks/`) from a folder or a tar archive.
 *
 * @throws SslError `DATA` if it is not one, or an image of its index is missing; `IO`.
 */
export async function openDenseData(location: string, meta: EncoderMeta, side: number): Promise<DenseData> {
  const files = await filesOf(location);
  const text = files.get('index.json');
  if (text === undefined) {
    throw new SslError('DATA', `${location} has no index.json.`, {
      hint: 'Give a set with index.json, images/ and masks/: a folder, or a tar archive of it.',
    });
  }
  const index = parseIndex(location, text);
  const values = Object.keys(index.maskClasses ?? {}).filter((value) => value !== '0');
  const maskClasses =
    index.maskClasses === undefined ? ['background', index.classes[0]!] : values.map((v) => index.maskClasses![v]!);
  const known = new Map(values.map((value, c) => [Number(value), c]));
  const classOfValue = (value: number): number =>
    index.maskClasses === undefined ? Math.min(1, value) : (known.get(value) ?? IGNORED);
  const split = async (isTest: boolean): Promise<DenseSplit> => {
    const items = index.items.filter((item) => (item.split !== 'train') === isTest);
    if (items.length === 0) throw new SslError('DATA', `${location} has no ${isTest ? 'test' : 'training'} images.`);
    return readSplit(location, files, items, meta, side, classOfValue);
  };
  const fingerprint = createHash('sha256').update(text).digest('hex');
  return {
    name: index.name,
    classes: index.classes,
    maskClasses,
    fingerprint,
    train: await split(false),
    test: await split(true),
  };
}

function parseIndex(location: string, text: Uint8Array): z.output<typeof indexSchema> {
  try {
    return indexSchema.parse(JSON.parse(Buffer.from(text).toString('utf8')));
  } catch (cause) {
    const why =
      cause instanceof z.ZodError
        ? `${cause.issues[0]!.path.join('.')}: ${cause.issues[0]!.message}`
        : (cause as Error).message;
    throw new SslError('DATA', `${location}: index.json is not an index of annotated images (${why}).`, { cause });
  }
}

/** All files by their path from the index on. */
async function filesOf(location: string): Promise<Map<string, Uint8Array>> {
  if (!existsSync(location)) throw new SslError('DATA', `${location} does not exist.`, { hint: 'Check the path.' });
  const files = new Map<string, Uint8Array>();
  if (statSync(location).isDirectory()) {
    const names = readdirSync(location, { recursive: true, encoding: 'utf8' });
    const tar = names.find(isTarName);
    if (tar !== undefined) return filesOf(join(location, tar));
    for (const name of names) {
      const path = join(location, name);
      try {
        if (statSync(path).isFile()) files.set(name.replaceAll('\\', '/'), readFileSync(path));
      } catch (error) {
        throw ioError('Reading', path, error);
      }
    }
  } else {
    for await (const { name, bytes } of readTar(location)) files.set(name, await bytes());
  }
  const index = [...files.keys()].find((name) => name === 'index.json' || name.endsWith('/index.json'));
  const prefix = index?.slice(0, -'index.json'.length) ?? '';
  return new Map(
    [...files].filter(([name]) => name.startsWith(prefix)).map(([name, data]) => [name.slice(prefix.length), data]),
  );
}

async function readSplit(
  location: string,
  files: ReadonlyMap<string, Uint8Array>,
  items: readonly Item[],
  { mean, std }: EncoderMeta,
  side: number,
  classOfValue: (value: number) => number,
): Promise<DenseSplit> {
  const pixels = side * side;
  const images = new Float32Array(items.length * pixels * 3);
  const objects: DetectionSet['objects'][number][] = [];
  const masks: Uint8Array[] = [];
  const masked: number[] = [];
  const load = (name: string): Uint8Array => {
    const bytes = files.get(name);
    if (bytes === undefined) throw new SslError('DATA', `${location} lacks ${name}, which its index names.`);
    return bytes;
  };
  for (const [i, item] of items.entries()) {
    const scale = side / Math.max(item.width, item.height);
    const shorterSide = Math.max(1, Math.round(Math.min(item.width, item.height) * scale));
    const image = await decodeImage(load(item.image), { shorterSide });
    place(image, images.subarray(i * pixels * 3, (i + 1) * pixels * 3), side, mean, std);
    const [sx, sy] = [image.width / item.width, image.height / item.height];
    for (const [b, [x0, y0, x1, y1]] of item.boxes.entries()) {
      objects.push({ image: i, label: item.labels[b]!, region: [x0 * sx, y0 * sy, x1 * sx, y1 * sy] });
    }
    if (typeof item.mask !== 'string') continue;
    masked.push(i);
    masks.push(maskOf(await decodeImage(load(item.mask)), [image.width, image.height], side, classOfValue));
  }
  const tensor = (rows: readonly number[]): HostTensor<tf.Rank.R4> => {
    const data = new Float32Array(rows.length * pixels * 3);
    for (const [to, row] of rows.entries())
      data.set(images.subarray(row * pixels * 3, (row + 1) * pixels * 3), to * pixels * 3);
    return { shape: [rows.length, side, side, 3], dtype: 'float32', data };
  };
  return {
    detection: { images: tensor([...items.keys()]), objects },
    segmentation: { images: tensor(masked), masks: Uint8Array.from(masks.flatMap((m) => [...m])) },
  };
}

/** Writes an image, normalised, to the upper left of a square; what is left stays 0, the mean. */
function place(
  { data, width, height }: RgbImage,
  square: Float32Array,
  side: number,
  mean: EncoderMeta['mean'],
  std: EncoderMeta['std'],
): void {
  for (let y = 0; y < Math.min(height, side); y++) {
    for (let x = 0; x < Math.min(width, side); x++) {
      for (let c = 0; c < 3; c++)
        square[(y * side + x) * 3 + c] = (data[(y * width + x) * 3 + c]! / 255 - mean[c]!) / std[c]!;
    }
  }
}

/** The mask at the image's place and size, by nearest neighbour: classes cannot be blended. */
function maskOf(
  { data, width, height }: RgbImage,
  [w, h]: readonly [number, number],
  side: number,
  classOfValue: (value: number) => number,
): Uint8Array {
  const square = new Uint8Array(side * side).fill(IGNORED);
  for (let y = 0; y < Math.min(h, side); y++) {
    for (let x = 0; x < Math.min(w, side); x++) {
      const from = Math.floor(((y + 0.5) * height) / h) * width + Math.floor(((x + 0.5) * width) / w);
      square[y * side + x] = classOfValue(data[from * 3]!);
    }
  }
  return square;
}
