import { integerAtLeast, nonNegative, type OptionIssue, oneOf, positive, resolveOptions } from '@contrastive/core';

/** Options of {@link snclr}. "Code" is the released code, "paper" the paper's text where it differs, "ours" neither. */
export interface SnclrOptions {
  /**
   * `code` (default, code): soft targets, Σ_t w_t (−log p_t), pulls towards all positives; `inLog` (paper): −log Σ_t w_t p_t, content
   * with one. `inLog` needs a host with negatives.
   */
  readonly lossForm?: 'code' | 'inLog';
  /** K, soft positives of an image, ≥ 0; 0 leaves the host as it is. Default 30 (released script; the code's flag default is 5). */
  readonly neighbours?: number;
  /** M, rows of the bank of older keys, ≥ K. At most a quarter of the data set is advised. Default 128000 (code). */
  readonly bankSize?: number;
  /** How much neighbours are wanted: `positiveness` (default, code), `uniform` 1/K each, `hard` 1 each, `nearest`: only the first, 1. The latter three are ours. */
  readonly weighting?: 'positiveness' | 'uniform' | 'hard' | 'nearest';
  /** Positiveness by `cosine` of projection and neighbour (default, code) or by two `learned` linear maps of them (paper; details ours). */
  readonly positiveness?: 'cosine' | 'learned';
  /** ReLU after the learned maps (the paper has a non-linearity). Default false. */
  readonly learnedRelu?: boolean;
  /** γ > 0: learned weights are divided by it (paper). Default 1. */
  readonly gamma?: number;
  /** Temperature of the softmax over neighbours, > 0; 0.1 to 0.5 sharpen. Default 1 (code). */
  readonly positivenessTemperature?: number;
  /** Whether gradient also reaches the projection through the weights. Default true (code). */
  readonly positivenessGradient?: boolean;
  /** Weight of the host's own positive, ≥ 0. Default 1 (code). */
  readonly ownWeight?: number;
  /** Divides the weights of an image by their sum: an ordinary soft cross-entropy. Default false (code). */
  readonly normaliseTargets?: boolean;
  /** Drops neighbours whose weight is not above 1/K; the others keep theirs. Default false (code: an option, off). */
  readonly threshold?: boolean;
  /** Row whose neighbours are looked up: the momentum `key` of the other view (default, code) or the anchor's own `online` projection (ours). */
  readonly query?: 'key' | 'online';
  /** Views whose keys enter the bank. Default `view2` (code). */
  readonly enqueue?: 'view2' | 'view1' | 'both';
  /** Never takes older copies of the image itself as neighbours (by image id). Default false (code); advised for data sets smaller than 4 M. */
  readonly excludeSelf?: boolean;
  /** A row that is a neighbour of two images does not also count as a negative of either. Default false (code). */
  readonly dedupeNegatives?: boolean;
  /** Trains the host alone while the bank fills: `off` (default, code: random rows count at first), until it is `full`, or so many epochs (ours). */
  readonly bankWarmup?: 'off' | 'full' | number;
  /** Whether the neighbours of other images are negatives. Default true (code). */
  readonly neighboursAsNegatives?: boolean;
  /** Both directions of the host (default, code) or only its first. */
  readonly symmetric?: boolean;
  /** Term of the host that gets soft positives. Default `global`. */
  readonly term?: string;
}

export type ResolvedSnclrOptions = Readonly<Required<SnclrOptions>>;

export const SNCLR_DEFAULTS: ResolvedSnclrOptions = {
  lossForm: 'code',
  neighbours: 30,
  bankSize: 128000,
  weighting: 'positiveness',
  positiveness: 'cosine',
  learnedRelu: false,
  gamma: 1,
  positivenessTemperature: 1,
  positivenessGradient: true,
  ownWeight: 1,
  normaliseTargets: false,
  threshold: false,
  query: 'key',
  enqueue: 'view2',
  excludeSelf: false,
  dedupeNegatives: false,
  bankWarmup: 'off',
  neighboursAsNegatives: true,
  symmetric: true,
  term: 'global',
};

/** Fills in the defaults and checks. @throws SslError `BAD_OPTION`. */
export const resolveSnclr = (options: SnclrOptions): ResolvedSnclrOptions =>
  resolveOptions<ResolvedSnclrOptions>('snclr', SNCLR_DEFAULTS, options, check);

const FLAGS = [
  ...(['learnedRelu', 'positivenessGradient', 'normaliseTargets', 'threshold', 'excludeSelf'] as const),
  ...(['dedupeNegatives', 'neighboursAsNegatives', 'symmetric'] as const),
];

const check = (o: ResolvedSnclrOptions): readonly OptionIssue[] => [
  ...oneOf(o, 'lossForm', ['code', 'inLog']),
  ...integerAtLeast(0, o, 'neighbours'),
  ...integerAtLeast(1, o, 'bankSize'),
  ...(o.neighbours > o.bankSize
    ? [{ option: 'neighbours', problem: `must be ≤ bankSize (${o.bankSize}), but is ${o.neighbours}` }]
    : []),
  ...oneOf(o, 'weighting', ['positiveness', 'uniform', 'hard', 'nearest']),
  ...oneOf(o, 'positiveness', ['cosine', 'learned']),
  ...positive(o, 'gamma', 'positivenessTemperature'),
  ...nonNegative(o, 'ownWeight'),
  ...FLAGS.flatMap((flag) => oneOf(o, flag, [true, false])),
  ...oneOf(o, 'query', ['key', 'online']),
  ...oneOf(o, 'enqueue', ['view2', 'view1', 'both']),
  ...warmupIssues(o),
  ...(o.positiveness === 'learned' && o.lossForm === 'code' && o.positivenessGradient
    ? [
        {
          option: 'positiveness',
          problem:
            "must not be learned with lossForm code: all weight would run to the likeliest neighbour; use lossForm: 'inLog' or positivenessGradient: false",
        },
      ]
    : []),
  ...(typeof o.term === 'string' && o.term !== ''
    ? []
    : [{ option: 'term', problem: 'must be the name of a loss term' }]),
];

function warmupIssues({ bankWarmup }: ResolvedSnclrOptions): readonly OptionIssue[] {
  const isGood = bankWarmup === 'off' || bankWarmup === 'full' || (Number.isSafeInteger(bankWarmup) && bankWarmup >= 0);
  return isGood
    ? []
    : [{ option: 'bankWarmup', problem: `must be off, full or an integer ≥ 0, but is ${String(bankWarmup)}` }];
}
