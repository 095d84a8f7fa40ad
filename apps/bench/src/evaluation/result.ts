import type { Accuracy, MeanInterval } from '@contrastive/evaluate';

/** One number of an evaluation with all that is needed to read it. */
export interface ResultRow {
  /** Whose features: `trained`, `random initialisation`, `raw pixels, PCA 128`, `supervised`. */
  readonly encoder: string;
  /** Name on the command line: `knn`. */
  readonly protocol: string;
  /** The exact protocol: `kNN-20 cosine T=0.1`. */
  readonly name: string;
  /** `top-1`, `top-5`, `mAP`, `RankMe`, … */
  readonly metric: string;
  readonly value: number;
  /** A share in [0, 1], shown in per cent; else a plain number. */
  readonly isShare: boolean;
  /** 95 %. */
  readonly interval?: readonly [low: number, high: number] | undefined;
  /** What the interval covers: the choice of `n` test images (binomial), or of `n` draws (Student). */
  readonly intervalOver?: 'test images' | 'draws' | 'seeds' | undefined;
  readonly n?: number | undefined;
  readonly note?: string | undefined;
}

/** What a protocol knows of a row; the subject adds whose it is. */
export type Measured = Omit<ResultRow, 'encoder' | 'protocol'>;

/** An accuracy with its binomial interval (Wilson). */
export const accuracyRow = (name: string, metric: string, a: Accuracy, note?: string): Measured => ({
  ...{
    name,
    metric,
    value: a.value,
    isShare: true,
    interval: a.interval,
    intervalOver: 'test images',
    n: a.total,
    note,
  },
});

/** Top-1, and top-5 where it exists. */
export const accuracyRows = (
  name: string,
  { top1, top5 }: { readonly top1: Accuracy; readonly top5: Accuracy | undefined },
  note?: string,
): Measured[] => [
  accuracyRow(name, 'top-1', top1, note),
  ...(top5 === undefined ? [] : [accuracyRow(name, 'top-5', top5, note)]),
];

/** A mean over draws or seeds with its Student interval. */
export function meanRow(
  name: string,
  metric: string,
  { mean, halfWidth, count }: MeanInterval,
  intervalOver: 'draws' | 'seeds',
  note?: string,
): Measured {
  const interval = halfWidth === undefined ? undefined : ([mean - halfWidth, mean + halfWidth] as const);
  return { name, metric, value: mean, isShare: true, interval, intervalOver, n: count, note };
}

export const numberRow = (name: string, metric: string, value: number, n: number, note?: string): Measured => ({
  ...{ name, metric, value, isShare: false, n, note },
});

/** A value as a person reads it: a share in per cent, a number in four digits. */
export const valueText = (value: number, isShare: boolean): string =>
  isShare ? `${(100 * value).toFixed(2)} %` : Number.isFinite(value) ? String(Number(value.toPrecision(4))) : '∞';

/** `61.20 to 64.18 %`, or an empty text. */
export function intervalText({ interval, isShare }: Pick<ResultRow, 'interval' | 'isShare'>): string {
  if (interval === undefined) return '';
  const [low, high] = interval;
  return isShare
    ? `${(100 * low).toFixed(2)} to ${(100 * high).toFixed(2)} %`
    : `${valueText(low, false)} to ${valueText(high, false)}`;
}
