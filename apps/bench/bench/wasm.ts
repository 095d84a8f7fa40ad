// Share of the wasm backend's own convolution rate that a training step on it reaches; prints a Markdown table.
//   pnpm bench:wasm [--batch 16] [--image 32] [--width 0.25] [--rounds 5]
// The rate is that of `tf.conv2d` forward at the shapes of the network. A step is one pass forward and two back: three times its work.
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { eagerRuntime, hostInts, Rng } from '@contrastive/core';
import { useWasmBackend } from '@contrastive/engine';
import * as tf from '@tensorflow/tfjs-core';
import { createTrainer, noise } from '../src/commands/bench-step.js';

const { values: flags } = parseArgs({
  options: {
    batch: { type: 'string', default: '16' },
    image: { type: 'string', default: '32' },
    width: { type: 'string', default: '0.25' },
    rounds: { type: 'string', default: '5' },
  },
});
const [batch, image, width, rounds] = [flags.batch, flags.image, flags.width, flags.rounds].map(Number) as [
  number,
  number,
  number,
  number,
];

await useWasmBackend();
const { trainer, flops } = createTrainer(
  { host: 'simclr', methods: [], backbone: 'resnet18', width, batch, image, precision: 'f32' },
  eagerRuntime,
);
const images = Object.fromEntries(Object.keys(trainer.plan).map((view) => [view, noise(view, batch, image)]));
const step = () => trainer.step([{ images, ids: hostInts(Int32Array.from({ length: batch }, (_, i) => i)) }]);

/** The convolutions of one pass forward, with their inputs. */
async function convolutions(): Promise<(() => tf.Tensor)[]> {
  const { backbone, weights } = await trainer.encoder();
  const input = tf.zeros([batch, image, image, 3]) as tf.Tensor4D;
  const { kernels } = await tf.profile(
    () => backbone.apply(weights, input, { training: true, updateStats: false }).pooled,
  );
  const rng = Rng.create(2);
  const random = (shape: readonly number[]) =>
    tf.tensor4d(
      Float32Array.from({ length: shape.reduce((a, b) => a * b) }, () => rng.normal()),
      shape as [number, number, number, number],
    );
  return kernels
    .filter(({ name }) => name === 'Conv2D')
    .map(({ inputShapes, outputShapes }) => {
      const [x, filter] = inputShapes as [number[], number[]];
      const stride = Math.round(x[1]! / outputShapes[0]![1]!);
      const [values, kernel] = [random(x), random(filter)];
      return () => tf.conv2d(values, kernel, stride, 'same');
    });
}

/** Processor time, which other load hardly changes: wasm computes on one thread. */
async function time(work: () => unknown): Promise<number> {
  const start = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(start);
  return (user + system) / 1000;
}

const all = await convolutions();
const forward = () => {
  for (const run of all) run().dispose();
};
await step();
forward();
const [steps, passes]: [number[], number[]] = [[], []];
for (let i = 0; i < rounds; i++) {
  steps.push(await time(step));
  passes.push(await time(forward));
}
const [stepMs, passMs] = [Math.min(...steps), Math.min(...passes)];
const views = 2;
const work = 3 * views * passMs;
console.log(
  [
    `Machine: ${cpus()[0]!.model}, Node ${process.version}; SimCLR, ResNet-18 × ${width}, ${image} px, batch ${batch}.`,
    '',
    '| what | CPU ms, least | GFLOP/s |',
    '|---|--:|--:|',
    `| convolutions forward, both views | ${(views * passMs).toFixed(1)} | ${(flops! / 3e6 / (views * passMs)).toFixed(1)} |`,
    `| training step | ${stepMs.toFixed(1)} | ${(flops! / 1e6 / stepMs).toFixed(1)} |`,
    '',
    `The step reaches ${((100 * work) / stepMs).toFixed(0)} % of the rate of the convolutions.`,
  ].join('\n'),
);
