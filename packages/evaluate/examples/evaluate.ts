import '@tensorflow/tfjs-backend-cpu';
import {
  evaluateProbe,
  extractLabelled,
  fitLogistic,
  meanInterval,
  PROBE_RECIPES,
  plainKnn,
  representationMetrics,
  scoreClassifier,
  weightedKnn,
} from '@contrastive/evaluate';
import * as tf from '@tensorflow/tfjs-core';

// Two classes of 8 × 8 images that differ in brightness, 32 images in batches of 16. Any async iterable of batches will do.
function* batches(seed: number) {
  for (let batch = 0; batch < 2; batch++) {
    const labels = Int32Array.from({ length: 16 }, (_, i) => i % 2);
    const data = Float32Array.from({ length: 16 * 192 }, (_, i) => {
      return 0.3 * labels[Math.floor(i / 192)]! + Math.sin(seed + batch + i * i);
    });
    yield {
      images: { shape: [16, 8, 8, 3] as [number, number, number, number], dtype: 'float32' as const, data },
      labels,
    };
  }
}

// Any function from images to pooled features: here the mean of each quarter.
const encode = (images: tf.Tensor4D): tf.Tensor2D =>
  tf.reshape(tf.avgPool(images, 4, 4, 'valid'), [images.shape[0], -1]);

const train = await extractLabelled(encode, batches(0));
const test = await extractLabelled(encode, batches(7));

const [knn] = await weightedKnn(train, test, { k: [20], temperature: [0.1] });
const five = await plainKnn(train, test);
const logistic = await scoreClassifier(await fitLogistic(train), test);
for (const { protocol, top1 } of [knn!, five, { protocol: 'logistic C=1', top1: logistic.top1 }]) {
  console.log(`${protocol}: ${(100 * top1.value).toFixed(1)} ± ${(100 * top1.halfWidth).toFixed(1)} %`);
}

const probes = [];
for (const seed of [0, 1, 2])
  probes.push(await evaluateProbe(train, test, PROBE_RECIPES.light, { seed, batchSize: 4 }));
const { mean, halfWidth } = meanInterval(probes.map((probe) => probe.top1.value));
console.log(`${PROBE_RECIPES.light.name}, 3 seeds: ${mean.toFixed(3)} ± ${halfWidth!.toFixed(3)}`);

const { rankMe, uniformity } = await representationMetrics(test);
console.log(`RankMe ${rankMe.toFixed(2)} of ${test.dim}, uniformity ${uniformity.toFixed(2)}`);
