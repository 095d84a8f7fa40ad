// FT and the score recorder over MoCo v2, a few steps on random pixels.
import '@tensorflow/tfjs';
import { resnet18 } from '@contrastive/backbones';
import { type Batch, cosineRate, hostInts, hostTensor, Rng, sgd, Trainer, type ViewRecipe } from '@contrastive/core';
import { ft, scoreRecorder } from '@contrastive/ft';
import { moco } from '@contrastive/hosts';

const [batch, side] = [4, 16];
const recipe: ViewRecipe = { name: 'flip', steps: [{ op: 'flip', p: 0.5 }], mean: [0, 0, 0], std: [1, 1, 1] };
const trainer = new Trainer({
  host: moco({ backbone: resnet18({ stem: 'cifar', width: 0.125 }), queueSize: 64 }),
  plugins: [ft(), scoreRecorder()],
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
  const [raw, transformed] = [metrics['scores/global/raw/posMean'], metrics['scores/global/transformed/posMean']];
  console.log(`loss ${metrics.loss?.toFixed(3)}, positive score ${raw?.toFixed(3)} → ${transformed?.toFixed(3)}`);
}
trainer.dispose();
