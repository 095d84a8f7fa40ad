import {
  type Batch,
  type Collective,
  type HostTensor,
  hostInts,
  hostTensor,
  Rng,
  type Runtime,
  Trainer,
} from '@contrastive/core';
import { EACH, optimizerOf, RATE, RECIPE, SIDE, type WorkersCase } from './cases.js';

/** What a process has learned. */
export interface Learned {
  readonly losses: readonly number[];
  /** Values of all variables by path. */
  readonly variables: Readonly<Record<string, Float32Array | Int32Array>>;
}

const SEED = 3;

/** Trains a case for some steps, as a worker or alone. @param workers W of the run that is compared. */
export async function train(
  given: WorkersCase,
  { runtime, collective, workers, steps }: { runtime: Runtime; collective: Collective; workers: number; steps: number },
): Promise<Learned> {
  const isAlone = collective.size === 1;
  const parts = isAlone ? { ...given, ...given.alone } : given;
  const { accumulate = 1, batchNorm } = given;
  const batch = EACH * workers;
  const trainer = new Trainer({
    host: parts.host(workers),
    plugins: parts.plugins?.(workers) ?? [],
    optimizer: optimizerOf(given),
    schedule: ({ step }) => RATE * (1 - step / (2 * steps)),
    ...{ batch, accumulate, side: SIDE, epochs: 2, stepsPerEpoch: steps, seed: SEED, recipes: [RECIPE] },
    ...{ runtime, collective, ...(batchNorm === undefined ? {} : { batchNorm }) },
  });
  try {
    const rows = isAlone ? undefined : ownImages(given, collective);
    const losses: number[] = [];
    for (let step = 0; step < steps; step++) {
      const micro = Array.from({ length: accumulate }, (_, i) =>
        batchOf(Object.keys(trainer.plan), accumulate * step + i, batch, rows),
      );
      losses.push((await trainer.step(micro, { record: step % 2 === 0 })).metrics.loss!);
    }
    const { tensors } = await trainer.snapshot();
    return { losses, variables: Object.fromEntries(Object.entries(tensors).map(([path, t]) => [path, t.data])) };
  } finally {
    trainer.dispose();
  }
}

/** Places of this worker's images in the global batch. */
const ownImages = ({ images }: WorkersCase, { size, rank }: Collective): readonly number[] =>
  Array.from({ length: EACH }, (_, i) => (images === 'strided' ? i * size + rank : rank * EACH + i));

/**
 * Images of four coloured quarters, with a little noise of each view; `rows` picks images of the batch. Of images that are noise alone
 * pooled features hardly differ, batch norm divides by their small deviation, and rounding grows tenfold every few steps in one
 * process as well.
 */
function batchOf(views: readonly string[], step: number, count: number, rows: readonly number[] | undefined): Batch {
  const picked = rows ?? Array.from({ length: count }, (_, i) => i);
  const stream = (i: number) => Rng.create(SEED).fork('pixels').fork(step).fork(i);
  const ofImage = (view: string) => (i: number) => {
    const colours = stream(i).fork('colours');
    const quarters = Array.from({ length: 12 }, () => colours.normal());
    const noise = stream(i).fork(view);
    return Array.from({ length: SIDE * SIDE * 3 }, (_, at) => {
      const [row, column] = [Math.floor(at / (3 * SIDE)), Math.floor(at / 3) % SIDE];
      const quarter = 2 * Math.floor((2 * row) / SIDE) + Math.floor((2 * column) / SIDE);
      return quarters[3 * quarter + (at % 3)]! + 0.2 * noise.normal();
    });
  };
  const pixels = (view: string): HostTensor =>
    hostTensor([picked.length, SIDE, SIDE, 3], Float32Array.from(picked.flatMap(ofImage(view))));
  return {
    images: Object.fromEntries(views.map((view) => [view, pixels(view)])),
    ids: hostInts(picked.map((i) => (step * count + i) % 40)), // images come back
    labels: hostInts(picked.map((i) => i % 4)),
  };
}
