import { createRing, enqueue, type Ring, type Rng, type State } from '@contrastive/core';
import type * as tf from '@tensorflow/tfjs-core';

/** State of a queue of random unit rows: `<name>`, [rows, dim], and `<name>/pointer`. */
export const createQueue = (name: string, rows: number, dim: number, rng: Rng): State =>
  asState(name, createRing({ rows, dim, rng: rng.fork(name) }));

export const asState = (name: string, ring: Ring<tf.Rank>): State => ({
  [name]: ring.rows,
  [`${name}/pointer`]: ring.pointer,
});

/** The queue's rows, a constant. */
export const queueRows = (state: State, name: string): tf.Tensor2D => state[name] as unknown as tf.Tensor2D;

/** Writes `rows` over the oldest ones. `overflow` as of `enqueue`. */
export function push(state: State, name: string, rows: tf.Tensor, overflow: 'forbid' | 'drop' = 'forbid'): void {
  const ring = { rows: state[name], pointer: state[`${name}/pointer`] } as unknown as Ring<tf.Rank>;
  enqueue(ring, rows, { overflow });
}
