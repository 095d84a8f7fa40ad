import { createHash } from 'node:crypto';
import type { ImageSource } from '@contrastive/augment/loader';

/** Images with classes numbered as those of the training images, and a hash that results made from them are kept under. */
export interface EvaluationImages extends ImageSource {
  readonly fingerprint: string;
  /** Path of an image in its folder or archive. */
  nameOf(id: number): string;
}

/** The images with the given ids, in that order. They share the source's memory. */
export function subset(source: EvaluationImages, ids: Int32Array): EvaluationImages {
  const { pixels, labels } = source;
  const hash = createHash('sha256').update(source.fingerprint).update(ids);
  return {
    count: ids.length,
    labels: labels === undefined ? undefined : ids.map((id) => labels[id]!),
    pixels:
      pixels === undefined
        ? undefined
        : {
            bytes: pixels.bytes,
            offsets: Float64Array.from(ids, (id) => pixels.offsets[id]!),
            widths: Uint16Array.from(ids, (id) => pixels.widths[id]!),
            heights: Uint16Array.from(ids, (id) => pixels.heights[id]!),
          },
    fingerprint: hash.digest('hex'),
    read: (id) => source.read(ids[id]!),
    nameOf: (id) => source.nameOf(ids[id]!),
  };
}

/** `count` ids of `of`, evenly spread: classes keep their shares whatever the order. */
export const evenly = (count: number, of: number): Int32Array =>
  Int32Array.from({ length: count }, (_, i) => Math.floor((i * of) / count));
