import { createHash, randomBytes } from 'node:crypto';
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { homedir, totalmem } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { type BuildPlan, buildCache, checkSkipped } from './cache/build.js';
import { isRecordWhole, type SkippedImage, type Storage, sha256 } from './cache/format.js';
import { withLock } from './cache/lock.js';
import { MISSING, type OpenCache, openCache } from './cache/open.js';
import type { Container } from './containers/container.js';
import { openContainer } from './containers/open.js';
import { DECODER, type DecodeOptions, decodeImage, type RgbImage } from './decode.js';
import { DataError } from './errors.js';
import { readLabelsCsv } from './labels-csv.js';
import { type Layout, layoutOf } from './layout.js';

/** The options of `openImages`. */
export interface OpenOptions {
  /** `train`, `test` (also a folder `val`), `all`, or another top folder. Default: `train` if there is such a folder, else everything. */
  readonly split?: string;
  /** Only images below this folder of the data. */
  readonly root?: string;
  /** `folders` (default): the folder below the split is the class; `none`; or the path of a CSV file of `path,label` rows. */
  readonly labels?: 'folders' | 'none' | { readonly csv: string };
  /** Larger images are stored shrunk to this shorter side, pixels; about 1.15 × the training side. Default: as they are. */
  readonly shorterSide?: number;
  /** Images are held decoded if they need at most this many bytes, else decoded when read. Default: a quarter of the memory, at most 4 GB. */
  readonly memoryBytes?: number;
  /** Where caches are kept; default: a folder of this user, see `defaultCacheFolder`. */
  readonly cacheFolder?: string;
  /** Share of images that may be unusable; default 0.01. Those are listed in `skipped`. */
  readonly maxSkipped?: number;
  /** Larger images are unusable; default 100,000,000 pixels. */
  readonly maxPixels?: number;
  /** Gets a line when a cache is built, and why. */
  readonly onMessage?: (line: string) => void;
  /** Called while images are decoded for the cache. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** Images that are ready to be read. Structurally an `ImageSource` of `@contrastive/augment`. */
export interface ImageSet {
  readonly count: number;
  /** Class of each image, −1 for none; missing if there are no classes. */
  readonly labels: Int32Array | undefined;
  readonly classNames: readonly string[];
  /** All pixels in shared memory: image i is `widths[i] · heights[i] · 3` bytes from `offsets[i]` on. Missing for `encoded`. */
  readonly pixels:
    | {
        readonly bytes: SharedArrayBuffer;
        readonly offsets: Float64Array;
        readonly widths: Uint16Array;
        readonly heights: Uint16Array;
      }
    | undefined;
  readonly storage: Storage;
  /** The library that decoded; pixels depend on it in the last digit. */
  readonly decoder: string;
  /** Hash of images, names and labels (of the files' names, sizes and times where images are kept `encoded`): keys results made from them. */
  readonly fingerprint: string;
  /** Images that could not be used. */
  readonly skipped: readonly SkippedImage[];
  /** One image, decoded. Several calls may be in flight. */
  read(id: number): Promise<RgbImage>;
  /** Path of an image in its folder or archive. */
  nameOf(id: number): string;
  /** Closes the cache's file. */
  close(): Promise<void>;
}

/** `$XDG_CACHE_HOME`, `%LOCALAPPDATA%`, `~/Library/Caches` or `~/.cache`, whichever this system uses, and there `contrastive/images`. */
export function defaultCacheFolder(): string {
  const system = { darwin: join(homedir(), 'Library', 'Caches'), win32: process.env.LOCALAPPDATA };
  const base =
    process.env.XDG_CACHE_HOME || system[process.platform as keyof typeof system] || join(homedir(), '.cache');
  return join(base, 'contrastive', 'images');
}

/**
 * Opens a folder of images or tar archives (see `openContainer`, `layoutOf`). The first time, every image is decoded once into a
 * packed cache; later the cache is checked and read. A stale or damaged cache is rebuilt.
 *
 * @throws DataError `DATA` if there are no images, or too many unusable ones; `IO` if the cache cannot be written.
 */
export async function openImages(location: string | readonly string[], options: OpenOptions = {}): Promise<ImageSet> {
  const { shorterSide, maxPixels } = options;
  checkOptions(options);
  const decode: DecodeOptions = {
    ...(maxPixels === undefined ? {} : { maxPixels }),
    ...(shorterSide === undefined ? {} : { shorterSide }),
  };
  const container = await openContainer(location);
  const source = await describeSource(container, options);
  const { cacheFolder = defaultCacheFolder() } = options;
  const folder = join(cacheFolder, cacheName(location, options));
  const cache = await openOrBuild(folder, container, source, decode, options);
  try {
    // Also when the cache was built under another limit.
    const { skipped, count } = cache.index;
    checkSkipped(skipped, count + skipped.length, options.maxSkipped ?? MAX_SKIPPED);
  } catch (error) {
    await cache.file?.close();
    throw error;
  }
  return toImageSet(cache, folder, decode);
}

function checkOptions({ shorterSide, maxSkipped = 0, memoryBytes = 0 }: OpenOptions): void {
  const problems: string[] = [];
  if (shorterSide !== undefined && !(Number.isInteger(shorterSide) && shorterSide >= 1))
    problems.push(`shorterSide is ${shorterSide}, not an integer of at least 1`);
  if (!(maxSkipped >= 0 && maxSkipped <= 1)) problems.push(`maxSkipped is ${maxSkipped}, not in [0, 1]`);
  if (!(memoryBytes >= 0)) problems.push(`memoryBytes is ${memoryBytes}, not a number of at least 0`);
  if (problems.length > 0) throw new DataError('BAD_OPTION', `openImages: ${problems.join('; ')}.`);
}

/** A readable part and a hash of what selects the images; the contents' fingerprint is inside the cache. */
function cacheName(location: string | readonly string[], options: OpenOptions): string {
  const paths = [location].flat().map((path) => resolve(path));
  const { split, root, labels, shorterSide, maxPixels } = options;
  const key = JSON.stringify([paths, split, root, labels, shorterSide, maxPixels]);
  const label = basename(paths[0]!)
    .replace(/[^\w.-]/g, '_')
    .slice(0, 40);
  return `${label}-${createHash('sha256').update(key).digest('hex').slice(0, 16)}`;
}

/** Everything that a cache depends on. */
async function describeSource(container: Container, { labels }: OpenOptions): Promise<string> {
  const csv = typeof labels === 'object' ? await stat(labels.csv).catch(() => undefined) : undefined;
  return JSON.stringify({
    fingerprint: await container.fingerprint(),
    decoder: DECODER,
    labels: csv === undefined ? labels : [csv.size, csv.mtimeMs],
  });
}

const MAX_SKIPPED = 0.01;

const defaultMemoryBytes = (): number => Math.min(4e9, totalmem() / 4);

async function openOrBuild(
  folder: string,
  container: Container,
  source: string,
  decode: DecodeOptions,
  options: OpenOptions,
): Promise<OpenCache> {
  const { onMessage: say = () => undefined, memoryBytes = defaultMemoryBytes() } = options;
  const tryOpen = () =>
    openCache(folder, source, memoryBytes).catch((error: unknown) => {
      if (error instanceof DataError) return error.message;
      throw error;
    });
  const first = await tryOpen();
  if (typeof first !== 'string') return first;
  await mkdir(dirname(folder), { recursive: true }).catch(cannotWrite);
  const onWait = () => say(`Waiting for another process that builds the image cache ${folder}.`);
  return withLock(`${folder}.lock`, onWait, async () => {
    const again = await tryOpen();
    if (typeof again !== 'string') return again;
    const layout = await chooseImages(container, options);
    say(
      again === MISSING
        ? `Building the image cache ${folder}.`
        : `The image cache ${folder} is ${again}; building it anew.`,
    );
    await build(folder, { container, layout, decode, source, memoryBytes }, options);
    return openCache(folder, source, memoryBytes);
  });
}

async function chooseImages(container: Container, { split, root, labels = 'folders' }: OpenOptions): Promise<Layout> {
  const rows = typeof labels === 'object' ? await readLabelsCsv(labels.csv) : labels === 'none' ? null : undefined;
  return layoutOf(await container.list(), { split, root, rows });
}

/** Builds beside the final place and moves the result there, so that a half-written cache never has the final name. */
async function build(
  folder: string,
  parts: Pick<BuildPlan, 'container' | 'layout' | 'decode' | 'source' | 'memoryBytes'>,
  { maxSkipped = MAX_SKIPPED, onProgress }: OpenOptions,
): Promise<void> {
  await removeDrafts(folder);
  const draft = `${folder}.${process.pid}-${randomBytes(4).toString('hex')}.tmp`;
  await mkdir(draft).catch(cannotWrite);
  try {
    await buildCache(draft, { ...parts, maxSkipped, onProgress });
    await rm(folder, { recursive: true, force: true });
    await rename(draft, folder);
    await syncFolder(dirname(folder));
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

/** What a killed process left; nobody else is at work, since the caller holds the lock. */
async function removeDrafts(folder: string): Promise<void> {
  const names = await readdir(dirname(folder));
  const drafts = names.filter((name) => name.startsWith(`${basename(folder)}.`) && name.endsWith('.tmp'));
  await Promise.all(drafts.map((name) => rm(join(dirname(folder), name), { recursive: true, force: true })));
}

/** Makes a rename durable; not possible (nor needed) on every system. */
async function syncFolder(path: string): Promise<void> {
  const handle = await open(path).catch(() => undefined);
  await handle?.sync().catch(() => undefined);
  await handle?.close();
}

function cannotWrite(cause: unknown): never {
  throw new DataError('IO', `The image cache cannot be written: ${(cause as Error).message}.`, {
    hint: 'Name another folder by cacheFolder.',
    cause,
  });
}

function toImageSet({ index, tables, memory, file }: OpenCache, folder: string, decode: DecodeOptions): ImageSet {
  const { offsets, widths, heights, names, nameEnds } = tables;
  const stored = async (id: number): Promise<Uint8Array> => {
    const [start, end] = [offsets[id]!, offsets[id + 1]!];
    if (memory !== undefined) return new Uint8Array(memory, start, end - start);
    const bytes = Buffer.allocUnsafe(end - start);
    const { bytesRead } = await file!.read(bytes, 0, bytes.length, start);
    if (bytesRead !== bytes.length || !isRecordWhole(tables, id, bytes))
      throw new DataError('IO', `Image ${id} of the image cache ${folder} is damaged.`, {
        hint: 'Remove that folder: the cache is built anew from the images.',
      });
    return bytes;
  };
  return {
    count: index.count,
    labels: index.classNames.length === 0 ? undefined : tables.labels,
    classNames: index.classNames,
    pixels: memory === undefined ? undefined : { bytes: memory, offsets, widths, heights },
    storage: index.storage,
    decoder: index.decoder,
    fingerprint: sha256(Buffer.from([index.binHash ?? index.source, index.tablesHash, ...index.classNames].join('\n'))),
    skipped: index.skipped,
    async read(id) {
      if (!(Number.isInteger(id) && id >= 0 && id < index.count))
        throw new DataError('DATA', `There is no image ${id}; ids go from 0 to ${index.count - 1}.`);
      const bytes = await stored(id);
      return memory === undefined
        ? decodeImage(bytes, decode)
        : { data: bytes, width: widths[id]!, height: heights[id]! };
    },
    nameOf: (id) => Buffer.from(names.slice(id === 0 ? 0 : nameEnds[id - 1]!, nameEnds[id])).toString(),
    close: async () => file?.close(),
  };
}
