import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { decodeImage, imageSize, isImageName } from './decode.js';

/** 8 × 8 pixels of C 20, M 120, Y 180, K 40, written by another library. */
const CMYK_JPEG = Buffer.from(
  '/9j/7gAOQWRvYmUAZAAAAAAA/9sAQwACAQEBAQECAQEBAgICAgIEAwICAgIFBAQDBAYFBgYGBQYGBgcJCAYHCQcGBggLCAkKCgoKCgYICwwLCgwJCgoK/8AAFAgACAAIBEMRAE0RAFkRAEsRAP/EABYAAQEBAAAAAAAAAAAAAAAAAAkFCP/EABQQAQAAAAAAAAAAAAAAAAAAAAD/2gAOBEMATQBZAEsAAD8AaxcYrK4//9k=',
  'base64',
);

/** A gradient: pixel (x, y) is (5x, 7y, 100). */
function gradient(width: number, height: number): Buffer {
  const data = Buffer.alloc(width * height * 3);
  for (let i = 0; i < width * height; i++) data.set([5 * (i % width), 7 * Math.floor(i / width), 100], i * 3);
  return data;
}

const image = (width = 24, height = 16) => sharp(gradient(width, height), { raw: { width, height, channels: 3 } });

/** A PNG without its chunks of one type. */
function removeChunk(png: Buffer, type: string): Buffer {
  const parts = [png.subarray(0, 8)];
  for (let at = 8; at < png.length; ) {
    const end = at + 12 + png.readUInt32BE(at);
    if (png.toString('latin1', at + 4, at + 8) !== type) parts.push(png.subarray(at, end));
    at = end;
  }
  return Buffer.concat(parts);
}

/** A PNG whose header claims another size. */
function withSize(png: Buffer, width: number, height: number): Buffer {
  const out = Buffer.from(png);
  out.writeUInt32BE(width, 16);
  out.writeUInt32BE(height, 20);
  let crc = -1;
  for (const byte of out.subarray(12, 29)) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  out.writeUInt32BE(~crc >>> 0, 29);
  return out;
}

describe('decodeImage', () => {
  it('gives the pixels of lossless RGB files exactly', async () => {
    for (const bytes of [
      await image().png().toBuffer(),
      await image().webp({ lossless: true }).toBuffer(),
      await image().tiff({ compression: 'lzw' }).toBuffer(),
    ]) {
      const { data, width, height } = await decodeImage(bytes);
      expect([width, height]).toEqual([24, 16]);
      expect(Buffer.from(data).equals(gradient(24, 16))).toBe(true);
    }
  });

  it('repeats grey in three channels', async () => {
    const { data } = await decodeImage(await image().greyscale().png().toBuffer());
    expect(data).toHaveLength(24 * 16 * 3);
    expect(data[30]).toBe(data[31]);
    expect(data[30]).toBe(data[32]);
  });

  it('drops alpha without blending', async () => {
    const { data } = await decodeImage(await image().ensureAlpha(0.2).png().toBuffer());
    expect(Buffer.from(data).equals(gradient(24, 16))).toBe(true);
  });

  it('cuts 16 bits to the upper eight', async () => {
    const bytes = await image().toColourspace('rgb16').png().toBuffer();
    expect((await sharp(bytes).metadata()).depth).toBe('ushort');
    const { data } = await decodeImage(bytes);
    expect(Buffer.from(data).equals(gradient(24, 16))).toBe(true);
  });

  it('converts CMYK by R = (255 − C)(255 − K) / 255', async () => {
    const { data, width } = await decodeImage(CMYK_JPEG);
    expect(width).toBe(8);
    [(235 * 215) / 255, (135 * 215) / 255, (75 * 215) / 255].forEach((v, c) => {
      expect(Math.abs(data[3 * 9 + c]! - v)).toBeLessThan(2);
    });
  });

  it('ignores a colour profile, as PIL-based loaders do', async () => {
    const withProfile = await image().withIccProfile('p3').png().toBuffer();
    const without = removeChunk(withProfile, 'iCCP');
    expect(without.length).toBeLessThan(withProfile.length);
    expect((await decodeImage(withProfile)).data).toEqual((await decodeImage(without)).data);
    expect(Buffer.from((await decodeImage(withProfile)).data).equals(gradient(24, 16))).toBe(false);
  });

  it('applies the EXIF rotation', async () => {
    const bytes = await image()
      .jpeg({ quality: 100, chromaSubsampling: '4:4:4' })
      .withMetadata({ orientation: 6 })
      .toBuffer();
    const { data, width, height } = await decodeImage(bytes);
    expect([width, height]).toEqual([16, 24]);
    // The stored top left pixel (0, 0, 100) is now at the top right; the stored bottom left (0, 105, 100) at the top left.
    expect(data[1]!).toBeGreaterThan(95);
    expect(data[15 * 3 + 1]!).toBeLessThan(10);
    expect(await imageSize(bytes)).toEqual({ width: 16, height: 24 });
  });

  it('takes the first frame of an animation', async () => {
    const frames = Buffer.concat([gradient(24, 16), Buffer.alloc(24 * 16 * 3, 255)]);
    const bytes = await sharp(frames, { raw: { width: 24, height: 32, channels: 3, pageHeight: 16 } })
      .webp({ lossless: true })
      .toBuffer();
    expect((await sharp(bytes, { animated: true }).metadata()).pages).toBe(2);
    const { data, height } = await decodeImage(bytes);
    expect(height).toBe(16);
    expect(Buffer.from(data).equals(gradient(24, 16))).toBe(true);
  });

  it('shrinks to a shorter side, and never enlarges', async () => {
    const bytes = await image(48, 30).png().toBuffer();
    expect(await decodeImage(bytes, { shorterSide: 15 })).toMatchObject({ width: 24, height: 15 });
    expect(await imageSize(bytes, { shorterSide: 15 })).toEqual({ width: 24, height: 15 });
    expect(await decodeImage(bytes, { shorterSide: 100 })).toMatchObject({ width: 48, height: 30 });
  });

  it('refuses truncated and foreign files', async () => {
    const jpeg = await image(64, 64).jpeg().toBuffer();
    const png = await image(64, 64).png().toBuffer();
    const bad = [
      jpeg.subarray(0, jpeg.length * 0.7),
      png.subarray(0, png.length / 2),
      Buffer.from('not an image'),
      Buffer.alloc(0),
    ];
    for (const bytes of bad)
      await expect(decodeImage(bytes)).rejects.toMatchObject({ name: 'DataError', code: 'DATA' });
  });

  it('refuses an image with too many pixels before decoding it', async () => {
    const bytes = await image(64, 64).png().toBuffer();
    await expect(decodeImage(bytes, { maxPixels: 4095 })).rejects.toThrow(/pixel limit/);
    expect(await decodeImage(bytes, { maxPixels: 4096 })).toMatchObject({ width: 64 });
    const bomb = withSize(bytes, 50_000, 50_000);
    expect((await sharp(bomb, { limitInputPixels: false }).metadata()).width).toBe(50_000);
    await expect(decodeImage(bomb)).rejects.toThrow(/pixel limit/);
  });
});

describe('isImageName', () => {
  it('knows images by their extension and leaves hidden files out', () => {
    expect(['a/b.JPG', 'x.jpeg', 'x.png', 'x.webp', 'x.avif'].every(isImageName)).toBe(true);
    expect(['a/.b.jpg', '._x.png', '.jpg', 'x.txt', 'jpg', 'x.jpg.txt'].some(isImageName)).toBe(false);
  });
});
