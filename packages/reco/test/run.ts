import {
  type AnyHost,
  type AnyPlugin,
  type Batch,
  hostInts,
  hostTensor,
  Rng,
  type StepReport,
  sgd,
  Trainer,
  type ViewRecipe,
} from '@contrastive/core';

const [SIDE, BATCH] = [8, 4];
export const recipe: ViewRecipe = {
  name: 'strong',
  steps: [
    { op: 'crop', area: [0.2, 1], filter: 'bilinear' },
    { op: 'jitter', brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.1, p: 0.8 },
    { op: 'flip', p: 0.5 },
  ],
  mean: [0, 0, 0],
  std: [1, 1, 1],
};

/** A trainer over a small host, 4 images of 8 × 8 pixels a step. */
export const trainerOf = (host: AnyHost, plugins: readonly AnyPlugin[], seed = 1): Trainer =>
  new Trainer({
    host,
    plugins,
    optimizer: sgd({ learningRate: 0.05, weightDecay: 0 }),
    schedule: () => 0.05,
    batch: BATCH,
    side: SIDE,
    epochs: 2,
    stepsPerEpoch: 4,
    seed,
    recipes: [recipe],
  });

/** Random pixels for every view of the plan; the same for the same seed and view. */
function batchFor(trainer: Trainer, seed: number): Batch {
  const size = BATCH * SIDE * SIDE * 3;
  const pixels = (view: string) => {
    const rng = Rng.create(seed).fork(view);
    return hostTensor(
      [BATCH, SIDE, SIDE, 3],
      Float32Array.from({ length: size }, () => rng.normal()),
    );
  };
  return {
    images: Object.fromEntries(Object.keys(trainer.plan).map((view) => [view, pixels(view)])),
    ids: hostInts([0, 1, 2, 3]),
  };
}

/** Steps with all metrics. */
export async function runSteps(trainer: Trainer, steps: number): Promise<StepReport[]> {
  const reports: StepReport[] = [];
  for (let i = 0; i < steps; i++) reports.push(await trainer.step([batchFor(trainer, i)], { record: true }));
  return reports;
}
