import {
  type Block,
  type Branch,
  type Comparison,
  createRing,
  definePlugin,
  type Encoded,
  enqueue,
  type OnDevice,
  type Permutation,
  type Plugin,
  permuteRows,
  type Ring,
  type State,
  type StepIo,
  stopGradient,
  type Tensors,
  termOf,
} from '@contrastive/core';
import * as tf from '@tensorflow/tfjs-core';
import { checkHost } from './check-host.js';
import { composeImages, maskedMean, perImage, rectangleMask } from './compose-images.js';
import { drawRegions, type RegionDraws } from './draws.js';
import { type RegionclOptions, type ResolvedRegionclOptions, resolveRegioncl } from './options.js';
import { regionHosts } from './orientation.js';

type Io = StepIo & { readonly draws: OnDevice<RegionDraws> };

/**
 * RegionCL: a rectangle of each image is filled with the same rectangle of a partner. One pass over the composed images gives two rows,
 * the *canvas* (outside, belongs to the image) and the *paste* (inside, belongs to the partner); each is held to the plain other
 * view of its owner, against the host's negatives and the other region of the same composed image.
 *
 * Adds a term `region` of weight 1, whose shares sum to those of the host's term. One more online pass for each composed view; the target never sees a
 * composed image. The form follows from the host: with negatives as RegionCL-M and -D, without as RegionCL-S.
 * Gradient reaches region rows; keys, queue and the other region are constants.
 *
 * @throws SslError `BAD_OPTION`; from hooks `INCOMPATIBLE` if grid, batch or comparisons of the host do not fit.
 * @example regioncl() // the paper's rectangles (3 to 5 of 7 cells), partners by reversal, weight 1
 * Source: Xu et al. 2022, arXiv 2111.12309; spec "regioncl".
 */
export function regioncl(options: RegionclOptions = {}): Plugin<RegionDraws, Tensors, State> {
  const o = resolveRegioncl(options);
  return definePlugin<RegionDraws, Tensors, State>({
    name: 'regioncl',
    options: { ...o },
    init: (host, rng) => {
      checkHost(o, host);
      if (o.regionQueue === 0) return {} as State;
      return { ...createRing({ rows: o.regionQueue, dim: host.dim, rng }) } as unknown as State;
    },
    outline: (terms) => (o.regionWeight > 0 ? { ...terms, region: { positives: 'one' } } : terms),
    phase: ({ step }) => (o.regionWeight > 0 && step % o.regionEvery === 0 ? 'on' : 'off'),
    draw: (rng, _step, host) => drawRegions(o, rng, host),
    encode: (io) => (io.phase === 'off' ? {} : encodeRegions(o, io)),
    edit: (terms, io) =>
      io.phase === 'off'
        ? terms
        : [...terms, { name: 'region', weight: o.regionWeight, comparisons: regionComparisons(o, io) }],
    observe: (scored, { features }) => {
      const loss = (name: string) => scored.find(({ term }) => term.name === name)?.loss;
      const [region, host] = [loss('region'), loss(o.term)];
      if (region === undefined) return {};
      const spread = Object.entries(features).filter(([name]) => name.startsWith('online/'));
      return {
        ...(host && { gap: tf.sub(region, host) }),
        ...Object.fromEntries(
          spread.map(([name, rows]) => [`std/${name.slice('online/'.length)}`, channelStd(rows as tf.Tensor2D)]),
        ),
      };
    },
    commit: ({ state, features, workers }) => {
      const rows = Object.entries(features).filter(([name]) => name.startsWith('online/'));
      if (o.regionQueue > 0 && rows.length > 0) {
        enqueue(state as unknown as Ring, tf.concat(rows.map(([, t]) => workers.gather(t as tf.Tensor2D))));
      }
    },
  });
}

const composed = (o: ResolvedRegionclOptions, { draws, hostTerms, online }: Io): readonly Comparison[] => {
  const views = Object.keys(draws).filter((name) => name.startsWith('cells/'));
  const term = termOf('regioncl', hostTerms, o.term);
  return regionHosts(
    term.comparisons,
    online,
    views.map((name) => name.slice('cells/'.length)),
  );
};

const partnersIn = (draws: OnDevice<RegionDraws>): Permutation => ({
  order: draws.partner as tf.Tensor1D,
  inverse: draws.inverse as tf.Tensor1D,
});

/**
 * Rows of the regions, [n, d] each: `online/canvas/<view>`, `online/paste/<view>`, row i of image i; with `swapView: 'both'` also
 * `target/…`, those of the composed other view.
 */
function encodeRegions(o: ResolvedRegionclOptions, io: Io): Tensors {
  const features: Record<string, tf.Tensor> = {};
  for (const { from, to } of distinctViews(composed(o, io))) {
    const online = regionRows(o, io, io.online, { boxesOf: from, view: from });
    for (const [name, rows] of Object.entries(online)) features[`online/${name}/${from}`] = rows;
    if (o.swapView !== 'both') continue;
    const target = regionRows(o, io, io.target, { boxesOf: from, view: to });
    for (const [name, rows] of Object.entries(target)) features[`target/${name}/${from}`] = rows;
  }
  return features;
}

/** The comparisons' pairs of views, one for each `from`. */
const distinctViews = (comparisons: readonly Comparison[]): readonly Comparison[] =>
  comparisons.filter((c, i) => comparisons.findIndex((d) => d.from === c.from) === i);

function regionRows(
  o: ResolvedRegionclOptions,
  { images, draws }: Io,
  branch: Branch,
  { boxesOf, view }: { readonly boxesOf: string; readonly view: string },
): Record<string, tf.Tensor2D> {
  const x = images[view]!;
  const n = x.shape[0];
  const partner = partnersIn(draws);
  const masks = (kind: string) => perImage(rectangleMask(draws[`${kind}/${boxesOf}`] as tf.Tensor3D), n);
  const map =
    o.pool === 'unswapped'
      ? branch.view(view).map
      : composedMap(o, branch, x, composeImages(x, masks('pixels'), partner));
  if (o.pool === 'whole') return { canvas: heads(o, branch, view, [tf.mean(map, [1, 2])])[0]! };
  const inside = masks('cells');
  const pasted = maskedMean(map, inside);
  // Row i of `pasted` belongs to the partner of image i; of the plain image it is already the owner's.
  const paste = o.pool === 'unswapped' ? pasted : permuteRows(pasted, inverted(partner));
  const [canvasRows, pasteRows] = heads(o, branch, view, [maskedMean(map, tf.sub(1, inside) as tf.Tensor4D), paste]);
  return { canvas: canvasRows!, paste: pasteRows! };
}

const inverted = ({ order, inverse }: Permutation): Permutation => ({ order: inverse, inverse: order });

function composedMap(o: ResolvedRegionclOptions, branch: Branch, plain: tf.Tensor4D, mixed: tf.Tensor4D): tf.Tensor4D {
  if (o.composedPass === 'separate') return branch.encode(mixed).map;
  const { map } = branch.encode(tf.concat([plain, mixed]));
  return tf.slice(map, [plain.shape[0], 0, 0, 0]);
}

/** The host's heads on all rows in one call, canvas first, so that they share batch statistics. */
function heads(
  o: ResolvedRegionclOptions,
  branch: Branch,
  view: string,
  regions: readonly tf.Tensor[],
): readonly tf.Tensor2D[] {
  const global: readonly Encoded[] = o.regionNorm === 'joint' ? [branch.view(view)] : [];
  const pooled = [...global.map((g) => g.pooled), ...regions] as tf.Tensor2D[];
  const rows = branch.project(pooled.length === 1 ? pooled[0]! : tf.concat(pooled)).embedding;
  return tf.split(rows, pooled.length).slice(global.length) as tf.Tensor2D[];
}

function regionComparisons(o: ResolvedRegionclOptions, io: Io & { readonly features: Tensors }): readonly Comparison[] {
  const { features, draws, state } = io;
  const partner = partnersIn(draws);
  const queue: readonly Block[] =
    o.regionQueue > 0 ? [{ kind: 'shared', rows: (state as unknown as Ring).rows as unknown as tf.Tensor2D }] : [];
  return composed(o, io).flatMap((c): readonly Comparison[] => {
    const rows = (name: string) => features[`online/${name}/${c.from}`] as tf.Tensor2D | undefined;
    const [canvas, paste] = [rows('canvas')!, rows('paste')];
    const region = (
      name: 'canvas' | 'paste',
      anchors: tf.Tensor2D,
      weight: number,
      others: tf.Tensor2D | undefined,
    ): readonly Comparison[] => {
      if (weight === 0) return [];
      const key = features[`target/${name}/${c.from}`] as tf.Tensor2D | undefined;
      const intra = others !== undefined && o.intraNegative ? [intraBlock(o, others, partner)] : [];
      return [
        {
          ...c,
          anchors,
          positives: key === undefined ? c.positives : { kind: 'paired', rows: tf.expandDims(key, 1) as tf.Tensor3D },
          negatives: c.objective.usesNegatives ? [...intra, ...(o.hostNegatives ? c.negatives : []), ...queue] : [],
          temperature: o.temperature === 'host' ? c.temperature : o.temperature,
          share: c.share * weight,
        },
      ];
    };
    if (paste === undefined) return region('canvas', canvas, o.canvasWeight + o.pasteWeight, undefined);
    return [
      // Composed image i holds the paste of π(i); the paste of image j lies in composed image π⁻¹(j).
      ...region('canvas', canvas, o.canvasWeight, permuteRows(paste, partner)),
      ...region('paste', paste, o.pasteWeight, permuteRows(canvas, inverted(partner))),
    ];
  });
}

/** The other region of the same composed image, hidden where an image is its own partner. */
function intraBlock(o: ResolvedRegionclOptions, others: tf.Tensor2D, { order }: Permutation): Block {
  const rows = tf.expandDims(o.intraStopGradient ? stopGradient(others) : others, 1) as tf.Tensor3D;
  if (!o.maskFixedPoints) return { kind: 'paired', rows };
  const isOther = tf.notEqual(order, tf.range(0, order.shape[0], 1, 'int32'));
  return { kind: 'paired', rows, mask: tf.expandDims(tf.cast(isOther, 'float32'), 1) as tf.Tensor2D };
}

/** Mean over channels of their standard deviation over rows: 1/√d for spread rows, 0 if they have collapsed. */
const channelStd = (rows: tf.Tensor2D): tf.Scalar => tf.mean(tf.sqrt(tf.moments(rows, 0).variance)) as tf.Scalar;
