import { open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Container, ImageFile } from '../containers/container.js';
import { DECODER, type DecodeOptions, decodeImage, imageSize } from '../decode.js';
import { DataError, reason } from '../errors.js';
import type { Layout } from '../layout.js';
import { BinWriter } from './bin-writer.js';
import {
  CACHE_VERSION,
  type CacheIndex,
  encodeIndex,
  packTables,
  recordDigest,
  type SkippedImage,
  type Storage,
  sha256,
  storageFor,
} from './format.js';
import { mapInOrder } from './map-in-order.js';
import { TablesBuilder } from './tables-builder.js';

/** What a cache is made from, and how. */
export interface BuildPlan {
  readonly container: Container;
  readonly layout: Layout;
  readonly decode: DecodeOptions;
  /** Largest size of images that are held decoded, bytes. */
  readonly memoryBytes: number;
  /** Largest share of unusable images. */
  readonly maxSkipped: number;
  /** Stored in the index. */
  readonly source: string;
  readonly onProgress: ((done: number, total: number) => void) | undefined;
}

/** Images decoded at a time. */
const IN_FLIGHT = 8;
/** Images whose headers tell how large the decoded set would be. */
const SAMPLE = 64;
/** Images between two reports of progress. */
const REPORT_EVERY = 256;
const MAX_SIDE = 65535;

/** One image, ready to be written, or why not. */
type Prepared =
  | { readonly bytes: Uint8Array; readonly width: number; readonly height: number; readonly file: ImageFile }
  | { readonly problem: string; readonly file: ImageFile };

/**
 * Decodes every image once and writes a cache into `folder`, which must exist and be empty.
 *
 * @throws DataError `DATA`, see `checkSkipped`.
 */
export async function buildCache(folder: string, plan: BuildPlan): Promise<void> {
  const decodedBytes = await estimateDecodedBytes(plan);
  const storage = storageFor(decodedBytes, plan.memoryBytes);
  const labels = plan.layout.labels;
  const total = plan.layout.indices.length;
  const positions = invert(plan.layout.indices);
  const tables = new TablesBuilder();
  const skipped: SkippedImage[] = [];
  const bin = new BinWriter(await open(join(folder, 'images.bin'), 'wx'));
  try {
    const files = plan.container.read((index) => (positions[index] ?? -1) >= 0);
    for await (const record of mapInOrder(files, IN_FLIGHT, (file) => prepare(file, storage, plan.decode))) {
      const { name, index } = record.file;
      if ('problem' in record) skipped.push({ name, reason: record.problem });
      else {
        await bin.write(record.bytes);
        const label = labels?.[positions[index]!] ?? -1;
        const { bytes, width, height } = record;
        const digest = storage === 'encoded' ? recordDigest(bytes) : undefined;
        tables.add({ bytes: bytes.length, width, height, label, name, digest });
      }
      const done = tables.count + skipped.length;
      if (done % REPORT_EVERY === 0 || done === total) plan.onProgress?.(done, total);
    }
    checkSkipped(skipped, total, plan.maxSkipped);
    const binHash = await bin.finish();
    const packed = packTables(tables.finish());
    await writeSynced(join(folder, 'tables.bin'), packed);
    const index: CacheIndex = {
      version: CACHE_VERSION,
      count: tables.count,
      storage,
      dtype: 'uint8',
      decodedBytes,
      binBytes: tables.bytes,
      binHash: storage === 'rgb' ? binHash : undefined,
      tablesHash: sha256(packed),
      classNames: plan.layout.classNames,
      source: plan.source,
      decoder: DECODER,
      skipped,
    };
    await writeSynced(join(folder, 'index.json'), encodeIndex(index));
  } finally {
    await bin.close();
  }
}

/** Position of each index, −1 where there is none. */
function invert(indices: Int32Array): Int32Array {
  const positions = new Int32Array(indices.reduce((a, b) => Math.max(a, b), -1) + 1).fill(-1);
  indices.forEach((index, position) => {
    positions[index] = position;
  });
  return positions;
}

/** The mean size of a sample of the images, times their number. */
async function estimateDecodedBytes({ container, layout, decode }: BuildPlan): Promise<number> {
  const wanted = new Set(layout.indices.subarray(0, SAMPLE));
  let [bytes, measured, seen] = [0, 0, 0];
  for await (const file of container.read((index) => wanted.has(index))) {
    const size = await file
      .load()
      .then((content) => imageSize(content, decode))
      .catch(() => undefined); // an unusable image is reported when it is decoded
    if (size !== undefined) {
      bytes += size.width * size.height * 3;
      measured++;
    }
    if (++seen === wanted.size) break;
  }
  return measured === 0 ? 0 : Math.round((bytes / measured) * layout.indices.length);
}

/** Decodes an image, also where its file is what is stored: a damaged one must not be found in the middle of a training run. */
async function prepare(file: ImageFile, storage: Storage, decode: DecodeOptions): Promise<Prepared> {
  try {
    const content = await file.load();
    const { data, width, height } = await decodeImage(content, decode);
    if (Math.max(width, height) > MAX_SIDE)
      return { file, problem: `${width}×${height}: a side is over ${MAX_SIDE} pixels` };
    return { file, bytes: storage === 'rgb' ? data : content, width, height };
  } catch (error) {
    return { file, problem: reason(error) };
  }
}

/** @throws DataError `DATA` if all images are unusable, or more than are allowed. */
export function checkSkipped(skipped: readonly SkippedImage[], total: number, maxSkipped: number): void {
  const all = skipped.length === total;
  if (!all && skipped.length <= maxSkipped * total) return;
  const examples = skipped.slice(0, 5).map(({ name, reason: why }) => `\n  ${name}: ${why}`);
  const more = skipped.length > 5 ? `\n  … and ${skipped.length - 5} more` : '';
  const limit = all ? '' : `, more than the ${100 * maxSkipped} % that are allowed`;
  throw new DataError(
    'DATA',
    `${skipped.length} of ${total} images cannot be used${limit}:${examples.join('')}${more}`,
    {
      hint: all ? 'Check that the files are images.' : 'Repair or remove them, or raise maxSkipped.',
    },
  );
}

async function writeSynced(path: string, content: string | Uint8Array): Promise<void> {
  await writeFile(path, content, { flag: 'wx', flush: true });
}
