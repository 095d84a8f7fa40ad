// This project's side of compare.ts: one measurement per call, printed as one JSON line. Usage: ours.ts JSON, the fields of a case and `steps`.
import { createWeights, hostTensor, Rng } from '@contrastive/core';
import { compiledRuntime, loadTensorFlow } from '@contrastive/engine';
import { weightedKnn } from '@contrastive/evaluate';
import type * as tf from '@tensorflow/tfjs-core';
import { makeBackbone } from '../src/catalogue.js';
import { main } from '../src/index.js';
import type { Case } from './cases.js';

const given = JSON.parse(process.argv[2]!) as Case & { readonly steps: number };

async function timed(steps: number, run: () => Promise<unknown>): Promise<void> {
  await run();
  const startupMs = process.uptime() * 1000;
  const [walls, cpus]: [number[], number[]] = [[], []];
  for (let i = 0; i < steps; i++) {
    const [start, cpu] = [performance.now(), process.cpuUsage()];
    await run();
    walls.push(performance.now() - start);
    const { user, system } = process.cpuUsage(cpu);
    cpus.push((user + system) / 1000);
  }
  walls.sort((a, b) => a - b);
  const times = { medianMs: walls[Math.floor(steps / 2)], minMs: walls[0], minCpuMs: Math.min(...cpus) };
  console.log(JSON.stringify({ ...times, startupMs, peakRssMb: Math.round(process.resourceUsage().maxRSS / 1024) }));
}

const normal = (seed: number, size: number): Float32Array => {
  const rng = Rng.create(seed);
  return Float32Array.from({ length: size }, () => rng.normal());
};

/** Features of one batch by a compiled pass in evaluation mode. */
async function extract({ backbone, width, image, batch, steps }: Case & { readonly steps: number }): Promise<void> {
  await loadTensorFlow();
  const side = image!;
  const net = makeBackbone(backbone!.startsWith('vit') ? { name: backbone! } : { name: backbone!, width }, side);
  const weights = createWeights(net.specs, Rng.create(1));
  const program = compiledRuntime().createProgram(weights);
  const images = hostTensor([batch!, side, side, 3], normal(2, batch! * side * side * 3));
  const pass = { training: false, updateStats: false };
  const step = await program.prepare(
    'features',
    ({ x }) => ({ features: net.apply(weights, x as tf.Tensor4D, pass).pooled }),
    { x: images },
  );
  await timed(steps, () => step.run({ x: images }));
  program.dispose();
}

async function knn({ rows, tests, steps }: Case & { readonly steps: number }): Promise<void> {
  await loadTensorFlow();
  const matrix = (seed: number, n: number) => ({
    data: normal(seed, n * 512),
    rows: n,
    dim: 512,
    labels: Int32Array.from({ length: n }, (_, i) => i % 10),
  });
  const [bank, queries] = [matrix(1, rows!), matrix(2, tests!)];
  await timed(steps, () => weightedKnn(bank, queries, { k: [200], temperature: [0.1] }));
}

if (given.kind === 'step') {
  const { host, backbone, width, batch, image, precision, steps, queue } = given;
  const flags = Object.entries({ host, backbone, width, batch, image, precision, steps, queue });
  const args = flags.flatMap(([name, value]) => (value === undefined ? [] : [`--${name}`, String(value)]));
  process.exitCode = await main(['bench:step', '--json', ...args]);
} else await (given.kind === 'extract' ? extract(given) : knn(given));
