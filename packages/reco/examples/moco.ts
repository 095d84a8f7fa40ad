// ReCo over MoCo v2, a few steps on random pixels.
import '@tensorflow/tfjs';
import { resnet18 } from '@contrastive/backbones';
import { type Batch, cosineRate, hostInts, hostTensor, Rng, sgd, Trainer, type ViewRecipe } from '@contrastive/core';
import { moco } from '@contrastive/hosts';
import { reco } from '@contrastive/reco';

const [batch, side] = [4, 16];
const recipe: ViewRecipe = { name: 'flip', steps: [{ op: 'flip', p: 0.5 }], mean: [0, 0, 0], std: [1, 1, 1] };
const trainer = new Trainer({
  host: moco({ backbone: resnet18({ stem: 'cifar', width: 0.125 }), queueSize: 64 }),
  plugins: [reco()],
  optimizer: sgd({ learningRate: 0.03 }),
  schedule: cosineRate(0.03),
  ...{ batch, side, epochs: 1, stepsPerEpoch: 3, seed: 1, recipes: [recipe] },
});

const rng = Rng.create(7);
const pixels = () =>
  hostTensor(
    [batch, side, side, 3],
    Float32Array.from({ length: batch * side * side * 3 }, () => rng.normal()),
  );
for (let step = 0; step < 3; step++) {
  // `trainer.plan` names the views that a loader makes: ReCo has added `weak`.
  const images: Batch = {
    images: Object.fromEntries(Object.keys(trainer.plan).map((view) => [view, pixels()])),
    ids: hostInts([0, 1, 2, 3]),
  };
  const { metrics } = await trainer.step([images], { record: true });
  const [relation, interpolation] = [metrics['loss/relation'], metrics['loss/interpolation']];
  console.log(
    `loss ${metrics.loss?.toFixed(3)}: relation ${relation?.toFixed(3)}, interpolation ${interpolation?.toFixed(3)}`,
  );
}
trainer.dispose();
