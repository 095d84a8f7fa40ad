import { createHash } from 'node:crypto';
import { DataError } from '../errors.js';

/**
 * A packed cache is a folder of three files: `images.bin` holds the records one after the other, `tables.bin` the numbers of each
 * record, and `index.json` (this type) everything else. A change of the layout needs a new version.
 */
export interface CacheIndex {
  readonly version: typeof CACHE_VERSION;
  readonly count: number;
  /** `rgb`: height · width · 3 bytes a record. `encoded`: the image file as it was. */
  readonly storage: Storage;
  readonly dtype: 'uint8';
  /** Bytes of all images decoded, estimated from a sample: what the choice of the storage was made by. */
  readonly decodedBytes: number;
  readonly binBytes: number;
  /** SHA-256 of images.bin; only of `rgb`, which is read whole. Records of `encoded` have checksums of their own, in the tables. */
  readonly binHash: string | undefined;
  readonly tablesHash: string;
  readonly classNames: readonly string[];
  /** What the cache was made from; it is stale when this changes. */
  readonly source: string;
  readonly decoder: string;
  readonly skipped: readonly SkippedImage[];
}

/** How records are stored. */
export type Storage = 'rgb' | 'encoded';

/** Decoded, if that fits into the memory budget. */
export const storageFor = (decodedBytes: number, memoryBytes: number): Storage =>
  decodedBytes <= memoryBytes ? 'rgb' : 'encoded';

/** An image that could not be used. */
export interface SkippedImage {
  readonly name: string;
  readonly reason: string;
}

export const CACHE_VERSION = 3;

/** The numbers of each record: about 20 bytes an image (28 if `encoded`) and the name. */
export interface Tables {
  /** First byte of each record, and the end of the last: count + 1 values. */
  readonly offsets: Float64Array;
  /** Size of the decoded image, pixels. */
  readonly widths: Uint16Array;
  readonly heights: Uint16Array;
  /** Class, −1 for none. */
  readonly labels: Int32Array;
  /** End of each name in `names`. */
  readonly nameEnds: Uint32Array;
  /** `recordDigest` of each record if `encoded`, one after the other; else empty, as the whole has a checksum. */
  readonly digests: Uint8Array;
  /** All names, UTF-8, one after the other. */
  readonly names: Uint8Array;
}

const FIXED = ['offsets', 'labels', 'nameEnds', 'widths', 'heights', 'digests', 'names'] as const;

const DIGEST_BYTES = 8;

/** The first 8 bytes of a record's SHA-256: tells damage, not intent. */
export const recordDigest = (bytes: Uint8Array): Uint8Array =>
  createHash('sha256').update(bytes).digest().subarray(0, DIGEST_BYTES);

/** Whether record `id` is as it was written. */
export const isRecordWhole = ({ digests }: Tables, id: number, bytes: Uint8Array): boolean =>
  recordDigest(bytes).every((byte, i) => byte === digests[DIGEST_BYTES * id + i]);

/** The bytes of tables.bin: the arrays in descending order of alignment, little-endian. */
export function packTables(tables: Tables): Buffer {
  return Buffer.concat(
    FIXED.map((key) => {
      const { buffer, byteOffset, byteLength } = tables[key];
      return Buffer.from(buffer, byteOffset, byteLength);
    }),
  );
}

/** @throws DataError `DATA` if the bytes are too few for `count` records. */
export function unpackTables(bytes: Buffer, count: number, storage: Storage): Tables {
  const memory = new SharedArrayBuffer(bytes.length);
  new Uint8Array(memory).set(bytes);
  const digestBytes = storage === 'encoded' ? DIGEST_BYTES * count : 0;
  if (bytes.length < 8 * (count + 1) + 12 * count + digestBytes)
    throw new DataError('DATA', 'tables.bin is too short.');
  const at = (start: number) => 8 * (count + 1) + start * count;
  return {
    offsets: new Float64Array(memory, 0, count + 1),
    labels: new Int32Array(memory, at(0), count),
    nameEnds: new Uint32Array(memory, at(4), count),
    widths: new Uint16Array(memory, at(8), count),
    heights: new Uint16Array(memory, at(10), count),
    digests: new Uint8Array(memory, at(12), digestBytes),
    names: new Uint8Array(memory, at(12) + digestBytes),
  };
}

export const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** Text of index.json: the index and the SHA-256 of its own JSON, since nothing else would show a changed count or class name. */
export const encodeIndex = (index: CacheIndex): string =>
  `${JSON.stringify({ indexHash: sha256(Buffer.from(JSON.stringify(index))), ...index }, null, 2)}\n`;

/** @throws DataError `DATA` if the text is no index, was changed, or is of another version. */
export function decodeIndex(text: string): CacheIndex {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new DataError('DATA', 'damaged (index.json)', { cause });
  }
  if (typeof value !== 'object' || value === null) throw new DataError('DATA', 'damaged (index.json)');
  const { indexHash, ...index } = value as CacheIndex & { readonly indexHash?: string };
  if (index.version !== CACHE_VERSION) throw new DataError('DATA', `of another version (${index.version})`);
  if (sha256(Buffer.from(JSON.stringify(index))) !== indexHash) throw new DataError('DATA', 'damaged (index.json)');
  return index;
}
