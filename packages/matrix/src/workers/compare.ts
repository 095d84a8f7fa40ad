import { ALONE, type Runtime } from '@contrastive/core';
import { CASES } from './cases.js';
import { runWorkers } from './launch.js';
import { type Learned, train } from './train.js';

/** Differences from which on workers do not count as equal to one process. */
export const LIMIT = 1e-5;

/** Largest differences of one case, each relative to max(1, the tensor's largest value). */
export interface Difference {
  readonly name: string;
  /** Of the losses of all steps, workers against the one process. */
  readonly loss: number;
  /** Of all variables at the end; the worst one's name. */
  readonly variables: number;
  readonly worst: string;
  /** Between the workers themselves. */
  readonly between: number;
}

/** Trains cases on `size` workers and in this process, on the same images. @param onResult told each result as it comes. */
export async function compareWorkers(
  runtime: Runtime,
  size: number,
  {
    names = CASES.map((c) => c.name),
    steps = 20,
    onResult = () => {},
  }: { names?: readonly string[]; steps?: number; onResult?: (difference: Difference) => void } = {},
): Promise<readonly Difference[]> {
  const differences: Difference[] = [];
  let queue = Promise.resolve();
  const onLearned = (name: string, learned: readonly Learned[]) => {
    queue = queue.then(async () => {
      const given = CASES.find((c) => c.name === name)!;
      const alone = await train(given, { runtime, collective: ALONE, workers: size, steps });
      const difference = differenceOf(name, learned, alone);
      differences.push(difference);
      onResult(difference);
    });
  };
  await runWorkers(size, { names, steps, onLearned });
  await queue;
  return differences;
}

function differenceOf(name: string, [first, ...others]: readonly Learned[], alone: Learned): Difference {
  const { gap, worst } = worstOf(first!, alone);
  const between = Math.max(0, ...others.map((other) => worstOf(other, first!).gap));
  return { name, loss: relativeGap(first!.losses, alone.losses), variables: gap, worst, between };
}

/** Sums of micro-batches are left out: each worker has its own until they are averaged, and the next step starts anew. */
function worstOf(a: Learned, b: Learned): { readonly gap: number; readonly worst: string } {
  const paths = Object.entries(b.variables).filter(([path]) => !path.startsWith('accumulated/'));
  const gaps = paths.map(([path, values]) => [path, relativeGap(a.variables[path]!, values)] as const);
  const [worst, gap] = gaps.reduce((x, y) => (y[1] > x[1] ? y : x));
  return { worst, gap };
}

/** max|a − b| / max(1, max|b|); infinite if sizes differ or a value is not finite. */
function relativeGap(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Number.POSITIVE_INFINITY;
  let [gap, size] = [0, 1];
  for (let i = 0; i < b.length; i++) {
    if (!Number.isFinite(a[i]!) || !Number.isFinite(b[i]!)) return Number.POSITIVE_INFINITY;
    gap = Math.max(gap, Math.abs(a[i]! - b[i]!));
    size = Math.max(size, Math.abs(b[i]!));
  }
  return gap / size;
}
