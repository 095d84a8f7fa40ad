// SNCLR over MoCo v3, a few steps on random pixels.
import '@tensorflow/tfjs';
import { resnet18 } from '@contrastive/backbones';
import { type Batch, cosineRate, hostInts, hostTensor, Rng, sgd, Trainer, type ViewRecipe } from '@contrastive/core';
import { mocoV3 } from '@contrastive/hosts';
import { snclr } from '@contrastive/snclr';

const [batch, side] = [4, 16];
const recipe: ViewRecipe = { name: 'flip', steps: [{ op: 'flip', p: 0.5 }], mean: [0, 0, 0], std: [1, 1, 1] };
const trainer = new Trainer({
  host: mocoV3({ backbone: resnet18({ stem: 'cifar', width: 0.125 }), dim: 32, hidden: 64 }),
  plugins: [snclr({ neighbours: 4, bankSize: 64, excludeSelf: true })],
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
  const images: Batch = { images: { view1: pixels(), view2: pixels() }, ids: hostInts([0, 1, 2, 3]) };
  const { metrics } = await trainer.step([images], { record: true });
  console.log(`loss ${metrics.loss?.toFixed(3)}, entropy of the weights ${metrics['snclr/weightEntropy']?.toFixed(3)}`);
}
trainer.dispose();
