// This project's side of compare.ts, which waits for its turns (side.ts). Usage: ours.ts JSON, the fields of a case.
import { createInterface } from 'node:readline';
import { createWeights, hostInts, hostTensor, Rng, type StepFunction } from '@contrastive/core';
import { compiledRuntime, loadTensorFlow } from '@contrastive/engine';
import { weightedKnn } from '@contrastive/evaluate';
import * as tf from '@tensorflow/tfjs-core';
import { openBackend } from '../src/backend.js';
import { makeBackbone } from '../src/catalogue.js';
import { createTrainer, noise } from '../src/commands/bench-step.js';
import type { Case } from './cases.js';
import { timeViews } from './views.js';

interface Work {
  run(): Promise<unknown>;
  readonly gflop?: number;
}

const normal = (seed: number, size: number, scale = 1): Float32Array => {
  const rng = Rng.create(seed);
  return Float32Array.from({ length: size }, () => rng.normal() * scale);
};

/** Products in a chain, so that feeding them costs nothing beside them. */
const PRODUCTS = 4;

/** Products of square matrices, one a trained weight as in a network: so they are computed in the precision of one. */
async function gemm({ rows, precision }: Case): Promise<Work> {
  await loadTensorFlow();
  const n = rows!;
  const weight = tf.variable(tf.tensor2d(normal(1, n * n, n ** -0.5), [n, n]));
  const program = compiledRuntime({ precision: precision! }).createProgram({ weight });
  const inputs = { x: hostTensor([n, n], normal(2, n * n)) };
  const chain: StepFunction = ({ x }) => {
    let y = x!;
    for (let i = 0; i < PRODUCTS; i++) y = tf.matMul(y, weight);
    return { sum: tf.sum(y) };
  };
  const step = await program.prepare('products', chain, inputs);
  return { run: () => step.run(inputs), gflop: (PRODUCTS * 2 * n ** 3) / 1e9 };
}

async function step(given: Case): Promise<Work> {
  const { host, backbone, width, batch, image, precision, queue, views: wmse } = given;
  const { runtime } = await openBackend({ backend: 'tensorflow', mode: 'compiled', precision: precision! });
  const { trainer, flops } = createTrainer(
    {
      ...{
        host: host!,
        methods: wmse === undefined ? [] : [{ name: 'wmse', views: wmse }],
        backbone: backbone!,
        width: width!,
        batch: batch!,
        image: image!,
      },
      ...{ precision: precision!, ...(queue === undefined ? {} : { queue }) },
    },
    runtime,
  );
  const views = Object.keys(trainer.plan);
  const inputs = {
    images: Object.fromEntries(views.map((view) => [view, noise(view, batch!, image!)])),
    ids: hostInts(Int32Array.from({ length: batch! }, (_, i) => i)),
  };
  return { run: () => trainer.step([inputs]), ...(flops === undefined ? {} : { gflop: flops / 1e9 }) };
}

/** Features of one batch by a compiled pass in evaluation mode. */
async function extract({ backbone, width, image, batch }: Case): Promise<Work> {
  await loadTensorFlow();
  const side = image!;
  const net = makeBackbone(backbone!.startsWith('vit') ? { name: backbone! } : { name: backbone!, width }, side);
  const weights = createWeights(net.specs, Rng.create(1));
  const program = compiledRuntime().createProgram(weights);
  const images = hostTensor([batch!, side, side, 3], normal(2, batch! * side * side * 3));
  const pass = { training: false, updateStats: false };
  const features = await program.prepare(
    'features',
    ({ x }) => ({ features: net.apply(weights, x as tf.Tensor4D, pass).pooled }),
    { x: images },
  );
  return { run: () => features.run({ x: images }) };
}

async function knn({ rows, tests }: Case): Promise<Work> {
  await loadTensorFlow();
  const matrix = (seed: number, n: number) => ({
    data: normal(seed, n * 512),
    rows: n,
    dim: 512,
    labels: Int32Array.from({ length: n }, (_, i) => i % 10),
  });
  const [bank, queries] = [matrix(1, rows!), matrix(2, tests!)];
  return { run: () => weightedKnn(bank, queries, { k: [200], temperature: [0.1] }) };
}

const answer = (value: object) => console.log(JSON.stringify(value));

async function serve({ run, gflop }: Work): Promise<void> {
  await run();
  answer({ startupMs: process.uptime() * 1000, gflop });
  for await (const line of createInterface({ input: process.stdin })) {
    const [walls, cpus]: [number[], number[]] = [[], []];
    for (let i = 0; i < Number(line); i++) {
      const [start, cpu] = [performance.now(), process.cpuUsage()];
      await run();
      walls.push(performance.now() - start);
      const { user, system } = process.cpuUsage(cpu);
      cpus.push((user + system) / 1000);
    }
    answer({ walls, cpus });
  }
  answer({ peakRssMb: Math.round(process.resourceUsage().maxRSS / 1024) });
}

const WORK: Partial<Record<Case['kind'], (given: Case) => Promise<Work>>> = {
  gemm,
  step,
  extract,
  knn,
  views: timeViews,
};
const given = JSON.parse(process.argv[2]!) as Case;
await serve(await WORK[given.kind]!(given));
process.exit(); // pools of threads and loaders need not be taken down
