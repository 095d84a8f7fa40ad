import sharp from 'sharp';
import { DataError, reason } from './errors.js';

// libvips keeps decoded images and starts threads per image, for the whole process. We decode every image once and several at
// a time, so neither helps.
sharp.cache(false);
sharp.concurrency(1);
// The content chooses the decoder, whatever a file is called: none but these may, so that no SVG or PDF is ever interpreted.
sharp.block({ operation: ['VipsForeignLoad'] });
sharp.unblock({
  operation: ['Jpeg', 'Png', 'Webp', 'Nsgif', 'Tiff', 'Heif'].map((format) => `VipsForeignLoad${format}`),
});

/** A decoded image: interleaved RGB bytes, rows without padding. */
export interface RgbImage {
  readonly data: Uint8Array;
  readonly width: number;
  readonly height: number;
}

/** The options of `decodeImage`. */
export interface DecodeOptions {
  /** Larger images are refused before they are decoded; default 100,000,000 pixels. */
  readonly maxPixels?: number;
  /** Larger images are shrunk (Lanczos) until their shorter side has this many pixels; default: never. */
  readonly shorterSide?: number;
}

/** Seconds after which an image is given up. The pixel limit bounds its work: the slowest kind takes a tenth of this on a slow core. */
const MAX_SECONDS = 60;

/** What decodes, in one line: pixels depend on it in the last digit. */
export const DECODER = `sharp ${sharp.versions.sharp}, libvips ${sharp.versions.vips}`;

/** Extensions of the files that are taken for images, lower case. */
export const IMAGE_EXTENSIONS = ['jpg', 'jpeg', 'png', 'webp', 'gif', 'tif', 'tiff', 'avif'] as const;

const EXTENSIONS: ReadonlySet<string> = new Set(IMAGE_EXTENSIONS);

/** Whether a file name looks like an image; hidden files do not. */
export function isImageName(name: string): boolean {
  const base = name.slice(name.lastIndexOf('/') + 1);
  const dot = base.lastIndexOf('.');
  return dot > 0 && !base.startsWith('.') && EXTENSIONS.has(base.slice(dot + 1).toLowerCase());
}

/**
 * Decodes to 8-bit RGB. EXIF rotation is applied, colour profiles are ignored (as PIL-based loaders do), grey is repeated, CMYK
 * is converted by PIL's formula, 16 bits are cut to the upper 8, alpha is dropped, and of an animation the first frame is taken.
 *
 * @throws DataError `DATA` if the bytes are no image of these formats, are truncated, hold too many pixels, or take over a minute.
 */
export async function decodeImage(bytes: Uint8Array, options: DecodeOptions = {}): Promise<RgbImage> {
  const { maxPixels = 1e8, shorterSide } = options;
  const cmyk = jpegComponents(bytes) === 4;
  try {
    let image = sharp(bytes, { failOn: 'error', ignoreIcc: true, limitInputPixels: maxPixels, pages: 1 }).autoOrient();
    if (shorterSide !== undefined)
      image = image.resize({ width: shorterSide, height: shorterSide, fit: 'outside', withoutEnlargement: true });
    image = cmyk ? image.pipelineColourspace('cmyk').toColourspace('cmyk') : image.toColourspace('srgb').removeAlpha();
    const raw = image.raw({ depth: 'uchar' }).timeout({ seconds: MAX_SECONDS });
    const { data, info } = await raw.toBuffer({ resolveWithObject: true });
    return { data: toRgb(data, info.channels, cmyk), width: info.width, height: info.height };
  } catch (cause) {
    throw new DataError('DATA', `The image cannot be decoded: ${reason(cause)}.`, { cause });
  }
}

/** Size after `decodeImage`, from the header alone. @throws DataError `DATA` if the header cannot be read. */
export async function imageSize(
  bytes: Uint8Array,
  { maxPixels = 1e8, shorterSide = Number.POSITIVE_INFINITY }: DecodeOptions = {},
): Promise<{ readonly width: number; readonly height: number }> {
  try {
    const { autoOrient } = await sharp(bytes, { limitInputPixels: maxPixels, pages: 1 }).metadata();
    const scale = Math.min(1, shorterSide / Math.min(autoOrient.width, autoOrient.height));
    return { width: Math.round(autoOrient.width * scale), height: Math.round(autoOrient.height * scale) };
  } catch (cause) {
    throw new DataError('DATA', `The image cannot be decoded: ${reason(cause)}.`, { cause });
  }
}

function toRgb(data: Uint8Array, channels: number, cmyk: boolean): Uint8Array {
  if (channels === 3) return data;
  const pixels = data.length / channels;
  const out = new Uint8Array(pixels * 3);
  for (let i = 0; i < pixels; i++) {
    const from = i * channels;
    for (let c = 0; c < 3; c++) {
      if (!cmyk) out[i * 3 + c] = data[from]!;
      else {
        const white = 255 - data[from + 3]!;
        out[i * 3 + c] = white - Math.round((data[from + c]! * white) / 255);
      }
    }
  }
  return out;
}

/** Colour components of a JPEG, from its frame header; 0 for other files. */
function jpegComponents(bytes: Uint8Array): number {
  if (bytes[0] !== 0xff || bytes[1] !== 0xd8) return 0;
  let at = 2;
  while (at + 9 < bytes.length && bytes[at] === 0xff) {
    const marker = bytes[at + 1]!;
    const isFrame = marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;
    if (isFrame) return bytes[at + 9]!;
    at += marker === 0xff ? 1 : 2 + bytes[at + 2]! * 256 + bytes[at + 3]!;
  }
  return 0;
}
