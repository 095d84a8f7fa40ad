// W-MSE 2 in place of SimCLR's loss, a few steps on random pixels.
import '@tensorflow/tfjs';
import { resnet18 } from '@contrastive/backbones';
import {
  adam,
  type Batch,
  hostInts,
  hostTensor,
  Rng,
  Trainer,
  type ViewRecipe,
  warmupStepRate,
} from '@contrastive/core';
import { simclr } from '@contrastive/hosts';
import { wmse, wmseHead } from '@contrastive/wmse';

const [batch, side, dim] = [8, 16, 4];
const backbone = resnet18({ stem: 'cifar', width: 0.125 });
const recipe: ViewRecipe = { name: 'flip', steps: [{ op: 'flip', p: 0.5 }], mean: [0, 0, 0], std: [1, 1, 1] };
const trainer = new Trainer({
  host: simclr({ backbone, projector: wmseHead(backbone.channels, { dim, width: 64 }), dim }),
  plugins: [wmse()],
  optimizer: adam({ learningRate: 2e-3, weightDecay: 1e-6 }),
  schedule: warmupStepRate(2e-3, { warmupSteps: 2 }),
  ...{ batch, side, epochs: 100, stepsPerEpoch: 3, seed: 1, recipes: [recipe] },
});

const rng = Rng.create(7);
const pixels = () =>
  hostTensor(
    [batch, side, side, 3],
    Float32Array.from({ length: batch * side * side * 3 }, () => rng.normal()),
  );
for (let step = 0; step < 3; step++) {
  const images: Batch = {
    images: { view1: pixels(), view2: pixels() },
    ids: hostInts(Int32Array.from({ length: batch }, (_, i) => i)),
  };
  const { metrics } = await trainer.step([images], { record: true });
  console.log(`loss ${metrics.loss?.toFixed(3)}, condition ${metrics['wmse/condition']?.toFixed(0)}`);
}
trainer.dispose();
