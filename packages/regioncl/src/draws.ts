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
  type ViewName,
} from '@contrastive/core';
import type * as tf from '@tensorflow/tfjs-core';
import type { ResolvedRegionclOptions } from './options.js';
import { partnersOf } from './partner.js';
import { type Rectangle, type Side, sampleRectangle, sidesFor } from './rectangle.js';

/**
 * Random numbers of one step: `partner` and its `inverse`, int32 [n]; for each composed view `pixels/<view>` [2, r, S] and
 * `cells/<view>` [2, r, g]: row and column factors of the masks of r rectangles.
 */
export type RegionDraws = HostTensors;

export function drawRegions(o: ResolvedRegionclOptions, rng: Rng, host: HostInfo): RegionDraws {
  const partner = ownPartners(o, rng.fork('partner'), host);
  const draws: Record<string, HostTensor> = {
    partner: hostInts(partner),
    inverse: hostInts(inversePermutation(partner)),
  };
  for (const view of composedViews(o, host)) {
    const stream = rng.fork(view);
    const options = { ...o, ...sidesOf(o, host), side: host.side, grid: host.grid };
    const boxes = Array.from({ length: rectanglesIn(o, host) }, () => sampleRectangle(stream, options));
    const masks = Object.entries(maskSides(view, boxes, host));
    for (const [name, t] of masks) draws[name] = boxes.length === 1 ? t : ownRows(host, t, 1);
  }
  return draws;
}

/** Partners inside this worker's images: no image is sent to another worker. All workers draw the same and take their own. */
function ownPartners(o: ResolvedRegionclOptions, rng: Rng, host: HostInfo): Int32Array {
  const block = o.partnerBlock === 'batch' ? host.batch : o.partnerBlock;
  const first = (host.workers?.rank ?? 0) * host.batch;
  const all = partnersOf(rng, globalBatch(host), { ...o, partnerBlock: block });
  return all.subarray(first, first + host.batch).map((partner) => partner - first);
}

/** The draws that describe rectangles of one view. */
export function maskSides(
  view: ViewName,
  boxes: readonly Rectangle[],
  { side, grid }: { readonly side: number; readonly grid: number },
): RegionDraws {
  const pixels = ({ start, size }: Side) =>
    Array.from({ length: side }, (_, p) => (p >= start && p < start + size ? 1 : 0));
  const stack = (length: number, read: (s: Side) => ArrayLike<number>) =>
    hostTensor<tf.Rank.R3>(
      [2, boxes.length, length],
      [...boxes.map((b) => b.rows), ...boxes.map((b) => b.columns)].flatMap((s) => Array.from(read(s))),
    );
  return { [`pixels/${view}`]: stack(side, pixels), [`cells/${view}`]: stack(grid, (s) => s.cells) };
}

/** Views that are composed: those that the host trains, or the first of them. */
export const composedViews = (o: ResolvedRegionclOptions, host: HostInfo): readonly ViewName[] =>
  o.symmetric === false ? host.anchorViews.slice(0, 1) : host.anchorViews;

/** Shortest and longest side in cells. */
export function sidesOf(o: ResolvedRegionclOptions, host: HostInfo) {
  const [low, high] = sidesFor(host.grid);
  const maxSide = o.maxSide === 'auto' ? Math.max(high, o.minSide === 'auto' ? 0 : o.minSide) : o.maxSide;
  return { minSide: o.minSide === 'auto' ? Math.min(low, maxSide) : o.minSide, maxSide };
}

/** Rectangles of a view, for the images of all workers. */
const rectanglesIn = (o: ResolvedRegionclOptions, host: HostInfo): number =>
  o.rectangles === 'batch' ? 1 : globalBatch(host) / (o.rectangles === 'image' ? 1 : o.rectangles);
