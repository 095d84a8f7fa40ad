import { SslError } from '@contrastive/core';

/** A decoded image: interleaved RGB bytes, rows without padding. */
export interface RgbImage {
  readonly data: Uint8Array;
  readonly width: number;
  readonly height: number;
}

/** Decoded images in memory that threads share: image i is the `widths[i]` · `heights[i]` · 3 bytes from `offsets[i]` on. */
export interface SharedPixels {
  readonly bytes: SharedArrayBuffer;
  readonly offsets: Float64Array;
  readonly widths: Uint16Array;
  readonly heights: Uint16Array;
}

/** What a loader reads. `@contrastive/data` makes one from folders and archives; `arraySource` from arrays. */
export interface ImageSource {
  /** Number of images; ids are 0 … count − 1. */
  readonly count: number;
  /** Class of each image, −1 for none. */
  readonly labels?: Int32Array | undefined;
  /** All images, if they are held decoded. Without it every image is read (decoded) once per epoch. */
  readonly pixels?: SharedPixels | undefined;
  /** One image. Several calls may be in flight. */
  read(id: number): Promise<RgbImage>;
}

/** The options of `arraySource`. */
export interface ArraySourceOptions {
  /** The images one after the other, interleaved RGB bytes. Copied. */
  readonly data: Uint8Array;
  /** Size of every image, pixels. */
  readonly width: number;
  readonly height: number;
  /** Class of each image. */
  readonly labels?: ArrayLike<number>;
}

/** A source of equally large images held in an array. @throws SslError `DATA` if the lengths do not fit. */
export function arraySource({ data, width, height, labels }: ArraySourceOptions): ImageSource {
  const size = width * height * 3;
  const count = data.length / size;
  if (!Number.isInteger(count) || count < 1)
    throw new SslError('DATA', `arraySource: ${data.length} bytes are not a number of ${width}×${height} RGB images.`);
  if (labels !== undefined && labels.length !== count)
    throw new SslError('DATA', `arraySource: ${labels.length} labels were given for ${count} images.`);
  const bytes = new SharedArrayBuffer(data.length);
  const view = new Uint8Array(bytes);
  view.set(data);
  return {
    count,
    labels: labels === undefined ? undefined : Int32Array.from(labels),
    pixels: {
      bytes,
      offsets: Float64Array.from({ length: count }, (_, i) => i * size),
      widths: new Uint16Array(count).fill(width),
      heights: new Uint16Array(count).fill(height),
    },
    read: async (id) => ({ data: view.subarray(id * size, (id + 1) * size), width, height }),
  };
}
