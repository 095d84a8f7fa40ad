import {
  globalBatch,
  type HostInfo,
  type HostTensor,
  type HostTensors,
  hostInts,
  hostTensor,
  inversePermutation,
  ownRows,
  type Rng,
} from '@contrastive/core';
import type * as tf from '@tensorflow/tfjs-core';
import type { Granularity, ResolvedFtOptions } from './options.js';

/**
 * Random numbers of one step: `lambdaEx`, and for every size m of the host's negative blocks `lambdaIn/m`, `order/m` (the
 * permutation σ) and `inverse/m`.
 */
export type FtDraws = { readonly lambdaEx: HostTensor<tf.Rank.R2> } & HostTensors;

export function drawFt(o: ResolvedFtOptions, rng: Rng, host: HostInfo): FtDraws {
  const shift = o.positiveMode === 'extrapolate' ? 1 : 0;
  const ex = source(rng.fork('ex'), o.lambdaEx, o.alphaEx, shift);
  const draws: Record<string, HostTensor> = {};
  for (const m of o.target === 'pos' ? [] : negativeSizes(host)) {
    const stream = rng.fork('in').fork(m);
    const order = stream.fork('order').permutation(m);
    draws[`order/${m}`] = hostInts(order);
    draws[`inverse/${m}`] = hostInts(inversePermutation(order));
    draws[`lambdaIn/${m}`] = coefficients(
      source(stream.fork('lambda'), o.lambdaIn, o.alphaIn, 0),
      o.negativeGranularity,
      m,
      host.dim,
    );
  }
  const all = coefficients(ex, o.positiveGranularity, globalBatch(host), host.dim);
  return { ...draws, lambdaEx: all.shape[0] === 1 ? all : ownRows(host, all) };
}

/** Distinct row counts of a host's shared negative blocks. */
export const negativeSizes = (host: HostInfo): readonly number[] =>
  [...new Set(Object.values(host.negativeRows))].filter((m) => m > 0);

function source(rng: Rng, kind: 'beta' | 'uniform' | number, alpha: number, shift: number): () => number {
  if (typeof kind === 'number') return () => kind;
  return kind === 'uniform' ? () => shift + rng.uniform() : () => shift + rng.beta(alpha, alpha);
}

function coefficients(draw: () => number, granularity: Granularity, rows: number, dim: number) {
  const r = granularity === 'row' || granularity === 'element' ? rows : 1;
  const c = granularity === 'dim' || granularity === 'element' ? dim : 1;
  return hostTensor<tf.Rank.R2>([r, c], Float32Array.from({ length: r * c }, draw));
}
