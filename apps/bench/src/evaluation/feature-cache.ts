import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { decodeSafetensors, encodeSafetensors } from '@contrastive/core';
import type { FeatureMatrix } from '@contrastive/evaluate';
import { ioError, writeFileAtomic } from '../files.js';

/** Everything that features depend on. */
export interface FeatureKey {
  /** SHA-256 of the encoder's file. */
  readonly encoder: string;
  /** Fingerprint of the images. */
  readonly data: string;
  readonly side: number;
  /** What was taken of the encoder, and of which views: `pooled`. */
  readonly output: string;
  /** Library that computed them: its rounding. */
  readonly backend: string;
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const bytesOf = ({ data }: FeatureMatrix) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength);

/**
 * Features kept in files, one a key. A file says which key it belongs to and carries its own checksum: one of another encoder, or a damaged
 * one, is never used but made anew.
 */
export class FeatureCache {
  /** @param folder `undefined`: nothing is kept. @param say gets a line when a file is not used, and why. */
  constructor(
    readonly folder: string | undefined,
    readonly say: (line: string) => void,
  ) {}

  /** The kept features, or what `make` gives, which is kept then. @throws SslError `IO` if they cannot be written. */
  async get(key: FeatureKey, make: () => Promise<FeatureMatrix>): Promise<FeatureMatrix> {
    if (this.folder === undefined) return make();
    const path = this.pathOf(key);
    const kept = this.#read(path, key);
    if (kept !== undefined) return kept;
    const features = await make();
    this.#write(path, key, features);
    return features;
  }

  /** File of a key. */
  pathOf(key: FeatureKey): string {
    return join(this.folder ?? '', `${sha256(Buffer.from(textOf(key))).slice(0, 24)}.safetensors`);
  }

  #read(path: string, key: FeatureKey): FeatureMatrix | undefined {
    if (!existsSync(path)) return undefined;
    const refuse = (why: string) => {
      this.say(`The cached features ${path} are not used: ${why}. They are made anew.`);
      return undefined;
    };
    try {
      const { tensors, metadata } = decodeSafetensors(readFileSync(path));
      const { features } = tensors;
      if (metadata.key !== textOf(key)) return refuse('they belong to another encoder or other images');
      const [rows, dim] = (features?.shape ?? []) as number[];
      if (features === undefined || rows === undefined || dim === undefined) return refuse('the file is damaged');
      const matrix = { data: features.data as Float32Array, rows, dim };
      return metadata.sha256 === sha256(bytesOf(matrix)) ? matrix : refuse('their checksum does not fit');
    } catch (error) {
      return refuse((error as Error).message.replace(/\.$/, ''));
    }
  }

  #write(path: string, key: FeatureKey, features: FeatureMatrix): void {
    const { data, rows, dim } = features;
    const metadata = { key: textOf(key), sha256: sha256(bytesOf(features)) };
    const file = encodeSafetensors({ tensors: { features: { shape: [rows, dim], dtype: 'float32', data } }, metadata });
    try {
      mkdirSync(this.folder!, { recursive: true });
    } catch (error) {
      throw ioError('Making the folder', this.folder!, error);
    }
    writeFileAtomic(path, file);
  }
}

const textOf = ({ encoder, data, side, output, backend }: FeatureKey): string =>
  JSON.stringify([2, encoder, data, side, output, backend]);
