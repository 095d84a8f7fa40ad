import { integerAtLeast, nonNegative, type OptionIssue, oneOf, resolveOptions } from '@contrastive/core';

/** Options of {@link regioncl}. "Official" is the released code (RegionCL-M only); "ours" is not in it. */
export interface RegionclOptions {
  /** Shortest side of the rectangle, in cells of the feature map. Default `auto`: 3/7 of the grid, which is the official 3 of 7. */
  readonly minSide?: number | 'auto';
  /** Longest side, in cells, included; less than the grid. Default `auto`: 5/7 of the grid, the official 5 of 7. */
  readonly maxSide?: number | 'auto';
  /** Default `free`: height and width independent (official); `square`: ours. */
  readonly aspect?: 'free' | 'square';
  /**
   * `aligned` (default, ours): pixel and cell rectangles agree. `official`: the released sampler, whose pooled window is half of the time
   * a cell off the swapped one; needs a grid that divides the image. `exclusiveEnd`: never touches the last row or column (a
   * third-party RegionCL-D).
   */
  readonly start?: 'aligned' | 'official' | 'exclusiveEnd';
  /** Images that share a rectangle: the whole `batch` (default; of all workers), each `image` its own (ours), or blocks of so many consecutive images (official: 128, a device's). */
  readonly rectangles?: 'batch' | 'image' | number;
  /**
   * Whose rectangle an image gets: `reverse` (default, official) i ↔ n − 1 − i, `shift` the one `partnerShift` places on, a `random`
   * image, or a random other one (`derangement`). The latter three are ours.
   */
  readonly partner?: 'reverse' | 'shift' | 'random' | 'derangement';
  /** Places of `shift`, ≥ 1. Default 1. */
  readonly partnerShift?: number;
  /** Partners lie in the same block of so many consecutive images. Default `batch`, of this worker (official: 128, a device's). */
  readonly partnerBlock?: 'batch' | number;
  /** Weight of the region term beside the host's loss, ≥ 0; 0 also saves its passes. Default 1 (official). */
  readonly regionWeight?: number;
  /** Share of the canvas rows, ≥ 0; 0 leaves them out (an ablation). Default 0.5 (official). */
  readonly canvasWeight?: number;
  /** Share of the paste rows, ≥ 0; 0 leaves them out. Default 0.5 (official). */
  readonly pasteWeight?: number;
  /** Whether the other region of the composed image is a negative. Default true (official). Nothing where the objective has no negatives. */
  readonly intraNegative?: boolean;
  /** Whether that negative passes no gradient. Default true (official). */
  readonly intraStopGradient?: boolean;
  /** Whether that negative is hidden where an image is its own partner. Default true (ours; the released code has a false negative there). */
  readonly maskFixedPoints?: boolean;
  /** Whether region rows meet the host's negatives. Default true (official). */
  readonly hostNegatives?: boolean;
  /**
   * Region features: `mask` (default, official) pools inside and outside the rectangle of the composed image; `unswapped` pools
   * the same windows of the plain image; `whole` pools the composed image as one, matched to image i (controls without the method's point).
   */
  readonly pool?: 'mask' | 'unswapped' | 'whole';
  /** Backbone's batch statistics of the composed images: `separate` (default, official) or `joint` with the plain ones, one more half pass (ours). */
  readonly composedPass?: 'separate' | 'joint';
  /** Head's batch statistics of region rows: `separate` (default: canvas and paste rows together) or `joint` with the global rows (ours). */
  readonly regionNorm?: 'separate' | 'joint';
  /** Whether only the anchors' view is composed (`query`, default, official) or `both`, and regions are matched to regions (ours). */
  readonly swapView?: 'query' | 'both';
  /**
   * Whether regions are cut from each view that the host trains, or from the first one. Default `auto`: as the host does
   * (official for MoCo: first; SimSiam: both, our reconstruction).
   */
  readonly symmetric?: 'auto' | boolean;
  /** τ of region rows, > 0. Default `host`: the host's (official). */
  readonly temperature?: 'host' | number;
  /** Rows of an own queue of region rows, as further negatives of regions; a multiple of the rows that a step adds. Default 0: none (official). */
  readonly regionQueue?: number;
  /** Region loss on every n-th step, ≥ 1. Default 1 (official). */
  readonly regionEvery?: number;
  /** Term of the host that gives keys, negatives, temperature and shares. Default `global`. */
  readonly term?: string;
}

export type ResolvedRegionclOptions = Readonly<Required<RegionclOptions>>;

export const REGIONCL_DEFAULTS: ResolvedRegionclOptions = {
  minSide: 'auto',
  maxSide: 'auto',
  aspect: 'free',
  start: 'aligned',
  rectangles: 'batch',
  partner: 'reverse',
  partnerShift: 1,
  partnerBlock: 'batch',
  regionWeight: 1,
  canvasWeight: 0.5,
  pasteWeight: 0.5,
  intraNegative: true,
  intraStopGradient: true,
  maskFixedPoints: true,
  hostNegatives: true,
  pool: 'mask',
  composedPass: 'separate',
  regionNorm: 'separate',
  swapView: 'query',
  symmetric: 'auto',
  temperature: 'host',
  regionQueue: 0,
  regionEvery: 1,
  term: 'global',
};

/** Fills in the defaults and checks. @throws SslError `BAD_OPTION`. */
export const resolveRegioncl = (options: RegionclOptions): ResolvedRegionclOptions =>
  resolveOptions<ResolvedRegionclOptions>('regioncl', REGIONCL_DEFAULTS, options, check);

const FLAGS = ['intraNegative', 'intraStopGradient', 'maskFixedPoints', 'hostNegatives'] as const;

const check = (o: ResolvedRegionclOptions): readonly OptionIssue[] => [
  ...wordOr(o, 'minSide', ['auto'], isCount, 'an integer ≥ 1'),
  ...wordOr(o, 'maxSide', ['auto'], isCount, 'an integer ≥ 1'),
  ...(typeof o.minSide === 'number' && typeof o.maxSide === 'number' && o.minSide > o.maxSide
    ? [{ option: 'minSide', problem: `must be ≤ maxSide (${o.maxSide}), but is ${o.minSide}` }]
    : []),
  ...oneOf(o, 'aspect', ['free', 'square']),
  ...oneOf(o, 'start', ['aligned', 'official', 'exclusiveEnd']),
  ...wordOr(o, 'rectangles', ['batch', 'image'], isCount, 'an integer ≥ 1'),
  ...oneOf(o, 'partner', ['reverse', 'shift', 'random', 'derangement']),
  ...integerAtLeast(1, o, 'partnerShift', 'regionEvery'),
  ...wordOr(o, 'partnerBlock', ['batch'], (v) => isCount(v) && v >= 2, 'an integer ≥ 2'),
  ...nonNegative(o, 'regionWeight', 'canvasWeight', 'pasteWeight'),
  ...(o.canvasWeight === 0 && o.pasteWeight === 0
    ? [
        {
          option: 'canvasWeight',
          problem: 'must be > 0 if pasteWeight is 0; set regionWeight: 0 to switch regions off',
        },
      ]
    : []),
  ...FLAGS.flatMap((flag) => oneOf(o, flag, [true, false])),
  ...oneOf(o, 'pool', ['mask', 'unswapped', 'whole']),
  ...oneOf(o, 'composedPass', ['separate', 'joint']),
  ...oneOf(o, 'regionNorm', ['separate', 'joint']),
  ...oneOf(o, 'swapView', ['query', 'both']),
  ...oneOf(o, 'symmetric', ['auto', true, false]),
  ...wordOr(o, 'temperature', ['host'], (v) => v > 0, 'a number > 0'),
  ...integerAtLeast(0, o, 'regionQueue'),
  ...(typeof o.term === 'string' && o.term !== ''
    ? []
    : [{ option: 'term', problem: 'must be the name of a loss term' }]),
];

const isCount = (value: number): boolean => Number.isSafeInteger(value) && value >= 1;

/** An option that is one of some words or a number. */
function wordOr<K extends keyof ResolvedRegionclOptions>(
  o: ResolvedRegionclOptions,
  option: K,
  words: readonly string[],
  holds: (value: number) => boolean,
  rule: string,
): readonly OptionIssue[] {
  const value = o[option];
  const isGood = words.includes(String(value)) || (typeof value === 'number' && Number.isFinite(value) && holds(value));
  return isGood ? [] : [{ option, problem: `must be ${words.join(', ')} or ${rule}, but is ${String(value)}` }];
}
