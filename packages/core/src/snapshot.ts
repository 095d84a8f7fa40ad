import * as tf from '@tensorflow/tfjs-core';
import { SslError } from './errors.js';
import type { HostTensor } from './host-tensor.js';
import type { JsonObject } from './options.js';

/** Everything that a run needs to go on: all variables by path, and what they belong to. */
export interface Snapshot {
  readonly tensors: Readonly<Record<string, HostTensor>>;
  readonly meta: SnapshotMeta;
}

/** Names and resolved options of all parts, so that a resume with other parts is refused. */
export interface SnapshotMeta {
  /** Version of this layout. */
  readonly version: 1;
  /** Optimiser steps done. */
  readonly step: number;
  readonly seed: number;
  /** What multiplies the learning rate; missing: 1. */
  readonly learningRateFactor?: number;
  readonly parts: JsonObject;
}

/** Copies variables to host memory. */
export async function readVariables(variables: Readonly<Record<string, tf.Variable>>): Promise<Snapshot['tensors']> {
  const entries = Object.entries(variables).map(async ([path, v]): Promise<[string, HostTensor]> => {
    const data = (await v.data()) as Float32Array | Int32Array;
    return [
      path,
      {
        shape: [...v.shape] as unknown as HostTensor['shape'],
        dtype: v.dtype as 'float32' | 'int32',
        data: data.slice(),
      },
    ];
  });
  return Object.fromEntries(await Promise.all(entries));
}

/**
 * Puts saved values into variables of the same names, shapes and dtypes.
 *
 * @throws SslError `CHECKPOINT` that lists what is missing, superfluous or of another shape; then nothing was changed.
 */
export function writeVariables(variables: Readonly<Record<string, tf.Variable>>, tensors: Snapshot['tensors']): void {
  const problems: string[] = [];
  for (const [path, v] of Object.entries(variables)) {
    const saved = tensors[path];
    if (saved === undefined) problems.push(`${path} is missing`);
    else if (saved.dtype !== v.dtype || String(saved.shape) !== String(v.shape)) {
      problems.push(`${path} is ${saved.dtype} [${saved.shape}], the run has ${v.dtype} [${v.shape}]`);
    }
  }
  for (const path of Object.keys(tensors)) if (!(path in variables)) problems.push(`${path} is not part of this run`);
  if (problems.length > 0) {
    const shown = problems.slice(0, 5).join('; ') + (problems.length > 5 ? `; and ${problems.length - 5} more` : '');
    throw new SslError('CHECKPOINT', `The checkpoint does not fit this run: ${shown}.`, {
      hint: 'Resume with the configuration that wrote the checkpoint, or start a new run folder.',
    });
  }
  for (const [path, v] of Object.entries(variables)) {
    const { data, shape, dtype } = tensors[path]!;
    const value = tf.tensor(data, shape as number[], dtype);
    v.assign(value as never);
    value.dispose();
  }
}

/**
 * Refuses to keep the state of a diverged run: a step whose gradient was NaN spoils the weights before any loss shows it.
 *
 * @throws SslError `NOT_FINITE` naming the first tensor that is not finite.
 */
export function checkFinite({ tensors, meta }: Snapshot): void {
  for (const [path, { data, dtype }] of Object.entries(tensors)) {
    if (dtype !== 'float32' || data.every(Number.isFinite)) continue;
    throw new SslError('NOT_FINITE', `${path} is not finite after step ${meta.step}.`, {
      hint: 'Lower the learning rate, add warm-up, or use f32 precision.',
    });
  }
}

/** Refuses a snapshot of other parts or options. @throws SslError `CHECKPOINT` naming the first difference. */
export function checkMeta(saved: SnapshotMeta, own: SnapshotMeta): void {
  const difference =
    saved.version !== own.version
      ? `layout version ${saved.version}, this program reads ${own.version}`
      : (firstDifference('', { seed: saved.seed, ...saved.parts }, { seed: own.seed, ...own.parts }) ?? undefined);
  if (difference !== undefined) {
    throw new SslError('CHECKPOINT', `The checkpoint belongs to another run: ${difference}.`, {
      hint: 'Resume with the same configuration, or start a new run folder.',
    });
  }
}

function firstDifference(path: string, saved: unknown, own: unknown): string | undefined {
  const plain = (v: unknown): v is Record<string, unknown> => typeof v === 'object' && v !== null;
  if (plain(saved) && plain(own)) {
    for (const key of new Set([...Object.keys(saved), ...Object.keys(own)])) {
      const found = firstDifference(path === '' ? key : `${path}.${key}`, saved[key], own[key]);
      if (found !== undefined) return found;
    }
    return undefined;
  }
  return Object.is(saved, own) ? undefined : `${path} was ${JSON.stringify(saved)}, now it is ${JSON.stringify(own)}`;
}
