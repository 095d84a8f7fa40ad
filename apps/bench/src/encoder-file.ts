import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import {
  type Backbone,
  decodeSafetensors,
  encodeSafetensors,
  type HostTensor,
  SslError,
  type Weights,
} from '@contrastive/core';
import * as tf from '@tensorflow/tfjs-core';
import { makeBackbone } from './catalogue.js';
import type { Part } from './config.js';
import { ioError, writeFileAtomic } from './files.js';
import { readTfjsWeights } from './tfjs-weights.js';

/** What an encoder file says of itself, besides its weights. */
export interface EncoderMeta {
  readonly backbone: Part;
  /** Input side in pixels that it was trained at. */
  readonly side: number;
  /** Normalisation of its input. */
  readonly mean: readonly [number, number, number];
  readonly std: readonly [number, number, number];
}

/** Writes weights and description as one safetensors file (description in its metadata). */
export function saveEncoder(path: string, meta: EncoderMeta, tensors: Readonly<Record<string, HostTensor>>): void {
  writeFileAtomic(path, encodeSafetensors({ tensors, metadata: { encoder: JSON.stringify(meta) } }));
}

export interface LoadedEncoder {
  readonly meta: EncoderMeta;
  readonly backbone: Backbone;
  readonly weights: Weights;
  readonly path: string;
}

/**
 * Reads an encoder from a run folder, a safetensors file or a tfjs `model.json` with its shards.
 *
 * @param described what the encoder is, for files that do not say so themselves: other programs', and checkpoints.
 * @throws SslError `IO`, `CHECKPOINT` if it is missing, damaged, or does not fit its description.
 */
export function loadEncoder(location: string, described?: EncoderMeta): LoadedEncoder {
  const path =
    existsSync(location) && statSync(location).isDirectory() ? join(location, 'encoder.safetensors') : location;
  if (!existsSync(path)) {
    throw new SslError('IO', `${path} does not exist.`, {
      hint: 'Give a run folder whose run has ended, or a .safetensors file of an encoder.',
    });
  }
  const { tensors, metadata } = readTensors(path);
  if (metadata.encoder === undefined && described === undefined) {
    throw new SslError('CHECKPOINT', `${path} does not say which encoder it holds.`, {
      hint: 'Say it by --backbone, --side and --normalization, or use an encoder.safetensors that `contrastive pretrain` wrote.',
    });
  }
  const meta = metadata.encoder === undefined ? described! : (JSON.parse(metadata.encoder) as EncoderMeta);
  const backbone = makeBackbone(meta.backbone, meta.side);
  return { meta, backbone, weights: toWeights(path, backbone, tensors), path };
}

/** Frees an encoder's weights. */
export const disposeEncoder = ({ weights }: LoadedEncoder): void => tf.dispose(Object.values(weights));

/** Tensors by name, and what the file says of them. */
function readTensors(path: string): Pick<ReturnType<typeof decodeSafetensors>, 'tensors' | 'metadata'> {
  try {
    if (path.endsWith('.json')) return { tensors: readTfjsWeights(path), metadata: {} };
    return decodeSafetensors(readFileSync(path));
  } catch (error) {
    throw error instanceof SslError ? error : ioError('Reading', path, error);
  }
}

/** Where an encoder's weights may lie in a file: by themselves, or inside a network or a checkpoint. */
const PREFIXES = ['', 'backbone/', 'online/backbone/'];

function toWeights(path: string, backbone: Backbone, tensors: Readonly<Record<string, HostTensor>>): Weights {
  return Object.fromEntries(
    Object.entries(backbone.specs).map(([name, { shape }]) => {
      const saved = PREFIXES.map((prefix) => tensors[prefix + name]).find((t) => t !== undefined);
      if (saved === undefined || String(saved.shape) !== String(shape)) {
        const got = saved === undefined ? 'is missing' : `is [${saved.shape}] instead of [${shape}]`;
        throw new SslError('CHECKPOINT', `${path}: ${name} ${got}.`);
      }
      const value = tf.tensor(saved.data, [...shape], 'float32');
      const variable = tf.variable(value, false);
      value.dispose();
      return [name, variable];
    }),
  );
}
