import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { encodePng, type Picture } from '../html/png.js';

/** Features of images, for TensorBoard's projector. */
export interface Embedding {
  /** [rows, dim]. */
  readonly rows: number;
  readonly dim: number;
  readonly data: ArrayLike<number>;
  /** Of each row. */
  readonly labels?: readonly (string | undefined)[];
  /** Of each row, all of one size. */
  readonly images?: readonly Picture[];
}

/** TensorBoard draws no larger sprites than 8192 × 8192. */
const LARGEST_SPRITE = 8192;

/** Writes `projector_config.pbtxt` and the files it names into a log folder. */
export function writeProjector(folder: string, name: string, embedding: Embedding): void {
  const { rows, dim, data, labels, images } = embedding;
  mkdirSync(folder, { recursive: true });
  const row = (i: number) =>
    Array.from({ length: dim }, (_, j) => Number(data[i * dim + j]!.toPrecision(7))).join('\t');
  const lines = Array.from({ length: rows }, (_, i) => row(i));
  writeFileSync(join(folder, 'tensors.tsv'), `${lines.join('\n')}\n`);
  const config = [`  tensor_name: ${quoted(name)}`, '  tensor_path: "tensors.tsv"'];
  if (labels?.some((label) => label !== undefined)) {
    // One column has no header line.
    const column = labels.map((label) => (label ?? 'unknown').replace(/[\t\r\n]/g, ' '));
    writeFileSync(join(folder, 'metadata.tsv'), `${column.join('\n')}\n`);
    config.push('  metadata_path: "metadata.tsv"');
  }
  const sprite = images === undefined || images.length !== rows ? undefined : spriteOf(images);
  if (sprite !== undefined) {
    const { width, height } = images![0]!;
    writeFileSync(join(folder, 'sprite.png'), encodePng(sprite));
    const size = `    single_image_dim: ${width}\n    single_image_dim: ${height}`;
    config.push(`  sprite {\n    image_path: "sprite.png"\n${size}\n  }`);
  }
  writeFileSync(join(folder, 'projector_config.pbtxt'), `embeddings {\n${config.join('\n')}\n}\n`);
}

const quoted = (text: string): string => JSON.stringify(text.replace(/[^ -~]/g, '?'));

/** All images in one square, row by row. Undefined if that would be too large. */
function spriteOf(images: readonly Picture[]): Picture | undefined {
  const [{ width, height }] = images as readonly [Picture];
  const side = Math.ceil(Math.sqrt(images.length));
  const size = { width: side * width, height: side * height };
  if (Math.max(size.width, size.height) > LARGEST_SPRITE) return undefined;
  const data = new Uint8Array(size.width * size.height * 3);
  for (const [i, image] of images.entries()) {
    const [left, top] = [(i % side) * width, Math.floor(i / side) * height];
    for (let y = 0; y < height; y++) {
      data.set(image.data.subarray(y * width * 3, (y + 1) * width * 3), ((top + y) * size.width + left) * 3);
    }
  }
  return { ...size, data };
}
