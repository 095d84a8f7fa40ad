// Images as they are found in the wild, and worse: a stream of broken, odd and hostile files.
import { crc32, deflateSync } from 'node:zlib';
import sharp from 'sharp';
import { DataError, decodeImage } from '../src/index.js';

/** Random numbers in [0, 1) from a seed (mulberry32): this package depends on no other of ours. */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

const int = (random: () => number, below: number): number => Math.floor(random() * below);

/** Whole images of every format and of the kinds that decoders get wrong. */
export async function originals(): Promise<Record<string, Buffer>> {
  const random = randomFrom(1);
  const [width, height] = [24, 20];
  const noise = (channels: 1 | 3 | 4, rows = height) =>
    sharp(
      Uint8Array.from({ length: width * rows * channels }, () => 256 * random()),
      { raw: { width, height: rows, channels } },
    );
  const frames = () =>
    sharp(
      Uint8Array.from({ length: width * height * 3 * 3 }, () => 256 * random()),
      { raw: { width, height: height * 3, channels: 3, pageHeight: height } },
    );
  return {
    jpeg: await noise(3).jpeg().toBuffer(),
    progressive: await noise(3).jpeg({ progressive: true }).toBuffer(),
    grey: await noise(1).jpeg().toBuffer(),
    cmyk: await noise(3).toColourspace('cmyk').jpeg().toBuffer(),
    rotated: await noise(3).withMetadata({ orientation: 6 }).jpeg().toBuffer(),
    png: await noise(4).png().toBuffer(),
    palette: await noise(3).png({ palette: true }).toBuffer(),
    deep: await noise(3).toColourspace('rgb16').png().toBuffer(),
    webp: await noise(3).webp().toBuffer(),
    animatedWebp: await frames().webp().toBuffer(),
    gif: await noise(3).gif().toBuffer(),
    animatedGif: await frames().gif().toBuffer(),
    tiff: await noise(3).tiff().toBuffer(),
    avif: await noise(3).avif({ effort: 0 }).toBuffer(),
  };
}

/** A PNG whose header says `side` × `side` grey pixels, and whose data is that many zeros, packed a thousand to one, or too few. */
export function pngOf(side: number, dataRows = side): Buffer {
  const chunk = (type: string, data: Buffer): Buffer => {
    const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
    const [length, checksum] = [Buffer.alloc(4), Buffer.alloc(4)];
    length.writeUInt32BE(data.length);
    checksum.writeUInt32BE(crc32(body));
    return Buffer.concat([length, body, checksum]);
  };
  const header = Buffer.alloc(13);
  header.writeUInt32BE(side, 0);
  header.writeUInt32BE(side, 4);
  header[8] = 8;
  const pixels = deflateSync(Buffer.alloc(dataRows * (side + 1)));
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  return Buffer.concat([signature, chunk('IHDR', header), chunk('IDAT', pixels), chunk('IEND', Buffer.alloc(0))]);
}

/** A JPEG (also a progressive one) or GIF with another size in its header; other formats as they are. */
function resized(image: Buffer, height: number, width: number): Buffer {
  const bytes = Buffer.from(image);
  if (bytes.toString('latin1', 0, 3) === 'GIF') {
    bytes.writeUInt16LE(width, 6);
    bytes.writeUInt16LE(height, 8);
    return bytes;
  }
  if (bytes.readUInt16BE(0) !== 0xffd8) return bytes;
  const frame = [0xc0, 0xc2].map((type) => bytes.indexOf(Buffer.from([0xff, type]))).find((at) => at !== -1);
  if (frame === undefined) return bytes;
  bytes.writeUInt16BE(height, frame + 5);
  bytes.writeUInt16BE(width, frame + 7);
  return bytes;
}

type Damage = (bytes: Buffer, random: () => number, other: Buffer) => Buffer;

const DAMAGES: Readonly<Record<string, Damage>> = {
  none: (bytes) => bytes,
  truncated: (bytes, random) => bytes.subarray(0, int(random, bytes.length)),
  flipped: (bytes, random) => {
    const copy = Buffer.from(bytes);
    for (let n = 1 + int(random, 20); n > 0; n--) copy[int(random, copy.length)]! ^= 1 << int(random, 8);
    return copy;
  },
  zeroed: (bytes, random) => {
    const start = int(random, bytes.length);
    return Buffer.from(bytes).fill(0, start, Math.min(bytes.length, start + 1 + int(random, 64)));
  },
  spliced: (bytes, random, other) => Buffer.concat([bytes.subarray(0, int(random, bytes.length)), other]),
  doubled: (bytes, random) => {
    const at = int(random, bytes.length);
    return Buffer.concat([bytes.subarray(0, at), bytes.subarray(int(random, at + 1))]);
  },
  huge: (bytes, random) => resized(bytes, 1 + int(random, 65_535), 1 + int(random, 65_535)),
  // As large as is allowed: the most work that a few bytes can ask for.
  limit: (bytes, random) => {
    const height = 1600 + int(random, 60_000);
    return resized(bytes, height, Math.floor(1e8 / height));
  },
  bomb: (_bytes, random) => pngOf(20_000 + int(random, 40_000), 3),
  empty: () => Buffer.alloc(0),
  noise: (_bytes, random) => Buffer.from(Array.from({ length: int(random, 400) }, () => int(random, 256))),
};

/** The decoder gives an image up after a minute: later than this it hangs. */
const HANG_MS = 90_000;

export interface FuzzReport {
  images: number;
  decoded: number;
  refused: number;
  /** Milliseconds of processor time of the slowest image, and which it was. */
  slowestMs: number;
  slowest: string;
  /** Most resident memory at any time, MB. */
  peakMb: number;
  /** Growth of the resident memory from a tenth of the images to the end, MB. */
  growthMb: number;
}

/**
 * Decodes `count` damaged images. Each must give pixels of its own size, or a `DataError` with the code `DATA`.
 *
 * @throws Error that names the damage, if there is another outcome or none in time.
 */
export async function fuzzImages(count: number, seed: number): Promise<FuzzReport> {
  const kinds = Object.entries(await originals());
  const damages = Object.entries(DAMAGES);
  const random = randomFrom(seed);
  const report: FuzzReport = {
    images: count,
    decoded: 0,
    refused: 0,
    slowestMs: 0,
    slowest: '',
    peakMb: 0,
    growthMb: 0,
  };
  let early = 0;
  for (let i = 0; i < count; i++) {
    const [kind, original] = kinds[i % kinds.length]!;
    const [damage, apply] = damages[int(random, damages.length)]!;
    const bytes = apply(original, random, kinds[int(random, kinds.length)]![1]);
    const began = process.cpuUsage();
    const what = `image ${i}, ${kind}, ${damage}`;
    if (await decodes(bytes, what)) report.decoded++;
    else report.refused++;
    const { user, system } = process.cpuUsage(began);
    const ms = (user + system) / 1000;
    if (ms > report.slowestMs) Object.assign(report, { slowestMs: Math.round(ms), slowest: what });
    if (i === Math.floor(count / 10)) early = process.memoryUsage().rss;
  }
  report.peakMb = Math.round(process.resourceUsage().maxRSS / 1024);
  report.growthMb = (process.memoryUsage().rss - early) / 2 ** 20;
  return report;
}

async function decodes(bytes: Buffer, what: string): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const hang = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: no answer in ${HANG_MS} ms`)), HANG_MS);
  });
  try {
    const { data, width, height } = await Promise.race([decodeImage(bytes, { shorterSide: 16 }), hang]);
    if (data.length !== width * height * 3) throw new Error(`${what}: ${data.length} bytes, ${width} × ${height}`);
    return true;
  } catch (error) {
    if (error instanceof DataError && error.code === 'DATA') return false;
    throw new Error(`${what}: ${(error as Error).message}`, { cause: error });
  } finally {
    clearTimeout(timer);
  }
}
