// Times the evaluation: protocols on features of the sizes that are promised, and how close feature extraction comes to the bare forward pass.
//   pnpm bench:evaluate [--only extraction,knn,logistic,metrics,lidar] [--threads 2] [--images 2000] [--rounds 5]
import { parseArgs } from 'node:util';
import { arraySource } from '@contrastive/augment/loader';
import { createWeights, type HostTensor, Rng } from '@contrastive/core';
import { fitLogistic, type LabelledFeatures, lidar, representationMetrics, weightedKnn } from '@contrastive/evaluate';
import type * as tf from '@tensorflow/tfjs-core';

import { openBackend } from '../src/backend.js';
import { makeBackbone } from '../src/catalogue.js';
import { FeatureExtractor } from '../src/evaluation/feature-extractor.js';
import type { EvaluationImages } from '../src/evaluation/image-subset.js';

const { values: flags } = parseArgs({
  options: {
    only: { type: 'string', default: 'extraction,knn,logistic,metrics,lidar' },
    threads: { type: 'string', default: '2' },
    images: { type: 'string', default: '2000' },
    rounds: { type: 'string', default: '5' },
  },
});

const DIM = 512;
const CLASSES = 10;

/** Like features of a ResNet-18: positive, a falling spectrum, classes that overlap. */
function features(rows: number, seed: number): LabelledFeatures {
  const rng = Rng.create(seed);
  const centres = Float32Array.from({ length: CLASSES * DIM }, (_, i) => Rng.create(7).fork(i).normal());
  const labels = Int32Array.from({ length: rows }, (_, i) => i % CLASSES);
  const data = new Float32Array(rows * DIM);
  for (let i = 0; i < data.length; i++) {
    const j = i % DIM;
    const own = centres[labels[Math.floor(i / DIM)]! * DIM + j]!;
    data[i] = Math.max(0, (rng.normal() + 0.25 * own) / Math.sqrt(1 + j / 8) + 0.3);
  }
  return { data, rows, dim: DIM, labels };
}

async function clock(run: () => Promise<unknown>) {
  const start = performance.now();
  const before = process.cpuUsage();
  await run();
  const seconds = (performance.now() - start) / 1000;
  const { user, system } = process.cpuUsage(before);
  return { seconds, processor: (user + system) / 1e6 };
}

async function timed(name: string, limit: number, run: () => Promise<string> | string): Promise<void> {
  let said = '';
  const { seconds, processor } = await clock(async () => {
    said = await run();
  });
  const spent = `${seconds.toFixed(2)} s (${processor.toFixed(2)} s of processor time; wanted: < ${limit} s)`;
  console.log(`${name}: ${spent}\n  ${said}`);
}

const TASKS: Readonly<Record<string, () => Promise<void>>> = {
  extraction,
  knn: async () => {
    const [bank, test] = [features(50_000, 1), features(10_000, 2)];
    await timed('kNN, 10,000 × 50,000 × 512, K 200 and 20, two T', 15, async () => {
      const results = await weightedKnn(bank, test, { k: [20, 200] });
      return results.map((r) => `${r.protocol}: ${(100 * r.top1.value).toFixed(1)} %`).join(', ');
    });
  },
  logistic: async () => {
    const train = features(50_000, 1);
    await timed('logistic regression, 50,000 × 512, 10 classes', 60, async () => {
      const { iterations, gradientMax, converged } = await fitLogistic(train);
      return `${iterations} iterations, largest gradient ${gradientMax.toExponential(1)}, converged: ${converged}`;
    });
  },
  metrics: async () => {
    const given = features(10_000, 1);
    await timed('metrics without labels, 10,000 × 512', 5, async () => {
      const { rankMe, uniformity } = await representationMetrics(given);
      return `RankMe ${rankMe.toFixed(1)}, uniformity ${uniformity.toFixed(3)}`;
    });
  },
  lidar: async () => {
    for (const images of [100, 1000]) {
      const given = features(10 * images, 1);
      await timed(`LiDAR, ${images} images × 10 views × 512`, 5, () => lidar(given).toFixed(2));
    }
  },
};

/** Rounds in turns: other load on the machine meets both alike. */
async function extraction(): Promise<void> {
  const side = 32;
  const { runtime } = await openBackend({
    backend: 'auto',
    mode: 'compiled',
    precision: 'f32',
    threads: Number(flags.threads),
  });
  for (const width of [0.25, 1]) {
    const part = { name: 'resnet18', width };
    const backbone = makeBackbone(part, side);
    const meta = { backbone: part, side, mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] } as const;
    const weights = createWeights(backbone.specs, Rng.create(1), `width${width}/`);
    const extractor = new FeatureExtractor({ meta, backbone, weights, path: 'random' }, runtime);
    const images = noise(Number(flags.images), side);
    const { batch } = extractor;
    const pass = { training: false, updateStats: false };
    const program = runtime.createProgram(weights);
    const input: HostTensor<tf.Rank.R4> = {
      shape: [batch, side, side, 3],
      dtype: 'float32',
      data: Float32Array.from({ length: batch * side * side * 3 }, (_, i) => (i % 255) / 255),
    };
    const step = await program.prepare(
      'forward',
      (inputs) => ({ pooled: backbone.apply(weights, inputs.images as tf.Tensor4D, pass).pooled }),
      { images: input },
    );
    const passes = Math.ceil(images.count / batch);
    const forward = async () => {
      for (let i = 0; i < passes; i++) await step.run({ images: input });
    };
    await forward();
    await extractor.extract(images);
    const rounds: { readonly rate: number; readonly speed: number; readonly effort: number }[] = [];
    for (let round = 0; round < Number(flags.rounds); round++) {
      const bare = await clock(forward);
      const whole = await clock(() => extractor.extract(images));
      rounds.push({
        rate: images.count / whole.seconds,
        speed: bare.seconds / whole.seconds,
        effort: bare.processor / whole.processor,
      });
    }
    const middle = (values: number[]) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
    const share = (values: number[]) => `${(100 * middle(values)).toFixed(1)} %`;
    console.log(
      `extraction, ResNet-18 × ${width}, ${side} px, ${images.count} images: ${middle(rounds.map((r) => r.rate)).toFixed(0)} images/s, ` +
        `${share(rounds.map((r) => r.speed))} of the forward pass's speed (wanted: ≥ 95 %), ` +
        `${share(rounds.map((r) => r.effort))} by processor time, which other load hardly changes`,
    );
    extractor.dispose();
    program.dispose();
  }
}

/** Images in shared memory, as the packed cache gives them. */
const noise = (count: number, side: number): EvaluationImages => ({
  ...arraySource({
    data: Uint8Array.from({ length: count * side * side * 3 }, (_, i) => Math.imul(i, 2654435761) >>> 24),
    ...{ width: side, height: side },
  }),
  fingerprint: 'noise',
  nameOf: String,
});

await openBackend({ backend: 'auto', mode: 'compiled', precision: 'f32', threads: Number(flags.threads) });
for (const name of flags.only.split(',')) {
  const task = TASKS[name];
  if (task === undefined) throw new Error(`There is no task ${name}: there are ${Object.keys(TASKS).join(', ')}.`);
  await task();
}
