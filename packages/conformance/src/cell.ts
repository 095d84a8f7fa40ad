import {
  type AnyHost,
  type AnyPlugin,
  type Batch,
  eagerRuntime,
  hostInts,
  hostTensor,
  Rng,
  type Runtime,
  type StepReport,
  sgd,
  Trainer,
  type ViewRecipe,
} from '@contrastive/core';

/** Parts that are tried together. Every trainer gets new ones, so that nothing can hide in a closure. */
export interface Cell {
  readonly host: () => AnyHost;
  readonly plugins: () => readonly AnyPlugin[];
}

export const BATCH = 8;
export const SIDE = 16;
export const SEED = 3;
const RATE = 0.05;

export const RECIPE: ViewRecipe = {
  name: 'conformance',
  steps: [
    { op: 'crop', area: [0.2, 1], filter: 'bilinear' },
    { op: 'jitter', brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.1, p: 0.8 },
    { op: 'flip', p: 0.5 },
  ],
  mean: [0, 0, 0],
  std: [1, 1, 1],
};

/** A trainer of new parts: batches of 8 images of 16 × 16 pixels, SGD with momentum, 2 epochs of 4 steps. */
export const trainerOf = ({ host, plugins }: Cell, runtime: Runtime = eagerRuntime): Trainer =>
  new Trainer({
    host: host(),
    plugins: plugins(),
    optimizer: sgd({ learningRate: RATE }),
    schedule: () => RATE,
    batch: BATCH,
    side: SIDE,
    epochs: 2,
    stepsPerEpoch: 4,
    seed: SEED,
    recipes: [RECIPE],
    runtime,
  });

/** Random pixels for every view; the same for the same step and view, whatever other views there are. */
export function batchOf(views: readonly string[], step: number): Batch {
  const pixels = (view: string) => {
    const rng = Rng.create(SEED).fork('pixels').fork(step).fork(view);
    return hostTensor(
      [BATCH, SIDE, SIDE, 3],
      Float32Array.from({ length: BATCH * SIDE * SIDE * 3 }, () => rng.normal()),
    );
  };
  return {
    images: Object.fromEntries(views.map((view) => [view, pixels(view)])),
    ids: hostInts(Int32Array.from({ length: BATCH }, (_, i) => (step * BATCH + i) % 20)), // images come back
    labels: hostInts(Int32Array.from({ length: BATCH }, (_, i) => i % 4)),
  };
}

/** The next steps of a trainer, with all metrics. */
export async function runSteps(trainer: Trainer, steps: number): Promise<StepReport[]> {
  const reports: StepReport[] = [];
  for (let i = 0; i < steps; i++) {
    const batch = batchOf(Object.keys(trainer.plan), trainer.stepsDone);
    reports.push(await trainer.step([batch], { record: true }));
  }
  return reports;
}

/** Uses a trainer and frees it, whatever happens. */
export async function using<T>(trainer: Trainer, use: (trainer: Trainer) => Promise<T>): Promise<T> {
  try {
    return await use(trainer);
  } finally {
    trainer.dispose();
  }
}
