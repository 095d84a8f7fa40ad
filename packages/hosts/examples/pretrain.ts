// One host after the other over a small ResNet, a few steps on noisy pairs of random images.
import '@tensorflow/tfjs';
import { resnet18 } from '@contrastive/backbones';
import {
  type AnyHost,
  type Batch,
  cosineRate,
  hostInts,
  hostTensor,
  Rng,
  sgd,
  Trainer,
  type ViewRecipe,
} from '@contrastive/core';
import { byol, MOCO_V2_PLUS, moco, simclr, simsiam } from '@contrastive/hosts';

const [batch, side, steps] = [4, 8, 3];
const recipe: ViewRecipe = { name: 'flip', steps: [{ op: 'flip', p: 0.5 }], mean: [0, 0, 0], std: [1, 1, 1] };
const backbone = resnet18({ stem: 'cifar', width: 0.125 });
const hosts: readonly AnyHost[] = [
  moco({ backbone, queueSize: 32 }),
  moco({ backbone, ...MOCO_V2_PLUS, queueSize: 32 }),
  simclr({ backbone, hidden: 64, temperature: 0.5 }),
  simsiam({ backbone, dim: 64, predictorHidden: 16 }),
  byol({ backbone, hidden: 64 }),
];

const rng = Rng.create(7);
const noisy = (pixels: Float32Array) =>
  hostTensor(
    [batch, side, side, 3],
    pixels.map((v) => v + 0.2 * rng.normal()),
  );
function pair(): Batch {
  const pixels = Float32Array.from({ length: batch * side * side * 3 }, () => rng.normal());
  const ids = hostInts(Int32Array.from({ length: batch }, (_, i) => i));
  return { images: { view1: noisy(pixels), view2: noisy(pixels) }, ids };
}

for (const host of hosts) {
  const trainer = new Trainer({
    host,
    optimizer: sgd({ learningRate: 0.06, weightDecay: 5e-4 }),
    schedule: cosineRate(0.06),
    ...{ batch, side, epochs: 1, stepsPerEpoch: steps, seed: 1, recipes: [recipe] },
  });
  for (let step = 0; step < steps; step++) {
    const { metrics } = await trainer.step([pair()], { record: true });
    console.log(
      `${host.name} step ${step + 1}: loss ${metrics.loss?.toFixed(4)}, std ${metrics['host/std']?.toFixed(4)}`,
    );
  }
  trainer.dispose();
}
