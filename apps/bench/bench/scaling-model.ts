/** What {@link predict} needs of a step. Times in milliseconds. */
export interface StepCosts {
  /** A step without any exchange. */
  readonly aloneMs: number;
  /** Bytes of the bucket: gradients and running statistics. */
  readonly bucketBytes: number;
  /** Bytes of the rows that one worker adds to what is gathered. */
  readonly gatherBytes: number;
}

/** A way between two neighbours of the ring. */
export interface Link {
  /** Of one message, however small. */
  readonly latencyMs: number;
  readonly bytesPerMs: number;
}

/**
 * Latency and bandwidth from two all-reduces of two workers, one of them of next to nothing: t(n, B) = 2 (n − 1) α + 2 (n − 1)/n · B/β,
 * so that at n = 2 t = 2 α + B/β.
 */
export const linkOf = (costs: {
  readonly smallMs: number;
  readonly bucketMs: number;
  readonly bucketBytes: number;
}): Link => ({
  latencyMs: costs.smallMs / 2,
  bytesPerMs: costs.bucketBytes / Math.max(1e-6, costs.bucketMs - costs.smallMs),
});

/** Ring all-reduce of `bytes`: n − 1 rounds to sum and n − 1 to hand out, a chunk of bytes/n each. */
const reduceMs = (n: number, bytes: number, { latencyMs, bytesPerMs }: Link): number =>
  2 * (n - 1) * (latencyMs + bytes / n / bytesPerMs);

/** Ring all-gather of `bytes` from each: n − 1 rounds. */
const gatherMs = (n: number, bytes: number, { latencyMs, bytesPerMs }: Link): number =>
  (n - 1) * (latencyMs + bytes / bytesPerMs);

/**
 * Time of a step of n workers at a fixed batch per worker, with local batch norm: the step alone, the bucket, the gathered rows and the
 * all-reduce of their gradient, which has the rows of all workers. Nothing overlaps; stragglers and congestion are left out.
 */
export function predict({ aloneMs, bucketBytes, gatherBytes }: StepCosts, link: Link, n: number) {
  const rows = gatherBytes === 0 ? 0 : gatherMs(n, gatherBytes, link) + reduceMs(n, n * gatherBytes, link);
  const exchangeMs = reduceMs(n, bucketBytes, link) + rows;
  return { exchangeMs, stepMs: aloneMs + exchangeMs, efficiency: aloneMs / (aloneMs + exchangeMs) };
}
