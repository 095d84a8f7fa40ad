import { closeSync, mkdirSync, openSync, readdirSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { encodePng, type Picture } from '../html/png.js';
import { bytes, double, doubles, type Field, float, int, message } from './protobuf.js';

const TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  let c = n;
  for (let k = 0; k < 8; k++) c = c & 1 ? 0x82f63b78 ^ (c >>> 1) : c >>> 1;
  return c;
});

/** CRC-32C (Castagnoli). */
export function crc32c(data: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of data) crc = TABLE[(crc ^ byte) & 255]! ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

/** TFRecord masks its checksums, so that a checksum of data with checksums in it stays one. */
function maskedCrc(data: Uint8Array): Buffer {
  const crc = crc32c(data);
  const out = Buffer.alloc(4);
  out.writeUInt32LE((((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0);
  return out;
}

/** One record of a TFRecord file: length, its checksum, data, its checksum. */
export function tfRecord(data: Uint8Array): Buffer {
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(data.length));
  return Buffer.concat([length, maskedCrc(length), data, maskedCrc(data)]);
}

/** Counts in equal bins from `low` to `high`. */
export interface Histogram {
  readonly counts: readonly number[];
  readonly low: number;
  readonly high: number;
}

const SUFFIX = '.contrastive';
/** Bytes that are gathered before they are written. */
const BUFFER = 1 << 18;

/** Writes one `events.out.tfevents` file, as TensorBoard reads it. */
export class EventFile {
  readonly path: string;
  readonly #file: number;
  #waiting: Buffer[] = [];
  #size = 0;

  /** @param folder made if it is missing; earlier files of ours in it are removed, since TensorBoard would show both. @param time of the first event, seconds since 1970. */
  constructor(folder: string, time: number) {
    mkdirSync(folder, { recursive: true });
    for (const name of readdirSync(folder)) {
      if (name.startsWith('events.out.tfevents.') && name.endsWith(SUFFIX)) rmSync(join(folder, name));
    }
    this.path = join(folder, `events.out.tfevents.${Math.floor(time)}${SUFFIX}`);
    this.#file = openSync(this.path, 'w');
    this.#write([double(1, time), bytes(3, 'brain.Event:2')]);
  }

  scalar(tag: string, step: number, value: number, time: number): void {
    this.#value(tag, step, time, float(2, value));
  }

  histogram(tag: string, step: number, histogram: Histogram, time: number): void {
    this.#value(tag, step, time, message(5, histogramFields(histogram)));
  }

  image(tag: string, step: number, picture: Picture, time: number): void {
    const { width, height } = picture;
    const fields = [int(1, height), int(2, width), int(3, 3), bytes(4, encodePng(picture))];
    this.#value(tag, step, time, message(4, fields));
  }

  close(): void {
    this.#flush();
    closeSync(this.#file);
  }

  #value(tag: string, step: number, time: number, content: Field): void {
    this.#write([double(1, time), int(2, Math.round(step)), message(5, [message(1, [bytes(1, tag), content])])]);
  }

  #write(fields: readonly Field[]): void {
    const record = tfRecord(Buffer.concat(fields));
    this.#waiting.push(record);
    this.#size += record.length;
    if (this.#size >= BUFFER) this.#flush();
  }

  #flush(): void {
    const bytes = Buffer.concat(this.#waiting);
    for (let done = 0; done < bytes.length; ) done += writeSync(this.#file, bytes, done);
    this.#waiting = [];
    this.#size = 0;
  }
}

/** min, max, num, sum, sum of squares, upper limits of the buckets, counts; values are taken at the middle of their bin. */
function histogramFields({ counts, low, high }: Histogram): readonly Field[] {
  const width = (high - low) / counts.length;
  const middles = counts.map((_, i) => low + (i + 0.5) * width);
  const sum = (f: (i: number) => number) => counts.reduce((total, count, i) => total + count * f(i), 0);
  const first = counts.findIndex((count) => count > 0);
  const last = counts.findLastIndex((count) => count > 0);
  return [
    double(1, low + Math.max(0, first) * width),
    double(2, low + (last + 1) * width),
    double(
      3,
      sum(() => 1),
    ),
    double(
      4,
      sum((i) => middles[i]!),
    ),
    double(
      5,
      sum((i) => middles[i]! ** 2),
    ),
    doubles(
      6,
      counts.map((_, i) => low + (i + 1) * width),
    ),
    doubles(7, counts),
  ];
}
