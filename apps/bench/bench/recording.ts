// pnpm bench:recording [host] [method,…] [rounds]: what recording adds to a run, by turns of as many steps with and without it, in one process.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { hostInts, hostTensor, Rng, Trainer } from '@contrastive/core';
import { openBackend } from '../src/backend.js';
import {
  makeBackbone,
  makeHost,
  makeMethod,
  makeOptimizer,
  makeRecipes,
  makeSchedule,
  normalizationOf,
} from '../src/catalogue.js';
import { medianOf } from '../src/commands/bench-step.js';
import { parseConfig } from '../src/config.js';
import { defaultsFor } from '../src/defaults.js';
import { recorders, StepWriter } from '../src/recording.js';

const [host = 'moco', methods = '', rounds = '15'] = process.argv.slice(2);
const config = parseConfig(
  {
    ...{ data: 'synthetic', batch: 128, epochs: 1, threads: 2, host, methods: methods.split(',').filter(Boolean) },
    backbone: { name: 'resnet18', width: 0.25 },
  },
  () => 'argument',
);
const { batch, side, recordEvery } = config;
const { runtime, description } = await openBackend(config);
const backbone = makeBackbone(config.backbone, side);
const defaults = defaultsFor(config, 50_000, backbone.channels);
const optimizer = makeOptimizer(defaults.optimizer);
const trainer = new Trainer({
  host: makeHost(defaults.host, backbone),
  plugins: [...defaults.methods.map((m) => makeMethod({ ...m, startEpoch: undefined })), ...recorders()],
  ...{ optimizer, schedule: makeSchedule(optimizer.learningRate, defaults.schedule) },
  recipes: makeRecipes(defaults.recipe, normalizationOf(config.normalization)),
  ...{ batch, side, epochs: 1, stepsPerEpoch: 1e6, seed: 1, runtime },
});
const noise = (view: string) => {
  const rng = Rng.create(0).fork(view);
  return hostTensor(
    [batch, side, side, 3],
    Float32Array.from({ length: batch * side * side * 3 }, () => rng.normal()),
  );
};
const count = Int32Array.from({ length: batch }, (_, i) => i);
const inputs = {
  images: Object.fromEntries(Object.keys(trainer.plan).map((view) => [view, noise(view)])),
  ids: hostInts(count),
  labels: hostInts(count.map((i) => i % 10)),
};

const path = mkdtempSync(join(tmpdir(), 'bench-recording-'));
const writer = new StepWriter({ path, log: () => {} }, trainer, config);

/** Milliseconds, elapsed and of all threads, of as many steps as lie from one record to the next. */
async function round(isRecorded: boolean) {
  const [start, before] = [performance.now(), process.cpuUsage()];
  for (let i = 0; i < recordEvery; i++) {
    const report = await trainer.step([inputs], { record: isRecorded && i === 0 });
    if (isRecorded) writer.take({ ...report, stepMs: 0, waitMs: 0, progress: undefined as never });
    await turn(); // as a loop does that waits for its data
  }
  writer.flush();
  const { user, system } = process.cpuUsage(before);
  return { elapsed: performance.now() - start, cpu: (user + system) / 1000 };
}

try {
  for (const isRecorded of [true, false]) await round(isRecorded);
  const pairs: { readonly elapsed: number; readonly cpu: number }[] = [];
  let steps: number[] = [];
  for (let r = 0; r < Number(rounds); r++) {
    const first = await round(r % 2 === 0);
    const second = await round(r % 2 === 1);
    const [recorded, plain] = r % 2 === 0 ? [first, second] : [second, first];
    pairs.push({ elapsed: recorded.elapsed / plain.elapsed - 1, cpu: recorded.cpu / plain.cpu - 1 });
    steps = [...steps, plain.elapsed / recordEvery];
  }
  const percent = (key: 'elapsed' | 'cpu') => `${(100 * medianOf(pairs.map((p) => p[key]))).toFixed(2)} %`;
  console.log(`${description}; ${host} ${methods}, a step takes ${medianOf(steps).toFixed(0)} ms without records`);
  console.log(
    `a record every ${recordEvery} steps adds ${percent('elapsed')} of time, ${percent('cpu')} of processor time`,
  );
  console.log(`(medians of ${rounds} pairs of ${recordEvery} steps each)`);
} finally {
  trainer.dispose();
  rmSync(path, { recursive: true });
}
