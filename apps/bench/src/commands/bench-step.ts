import {
  eagerRuntime,
  type HostTensor,
  hostInts,
  hostTensor,
  Rng,
  type Runtime,
  SslError,
  Trainer,
} from '@contrastive/core';
import type { StepStats } from '@contrastive/engine';
import * as tf from '@tensorflow/tfjs-core';
import { Command, Option } from 'commander';
import { openBackend } from '../backend.js';
import {
  makeBackbone,
  makeHost,
  makeMethod,
  makeOptimizer,
  makeRecipes,
  makeSchedule,
  normalizationOf,
} from '../catalogue.js';
import type { Context } from '../cli.js';
import { parseConfig, type RunConfigInput } from '../config.js';
import { defaultsFor } from '../defaults.js';
import { number } from './pretrain.js';

/** What is trained. */
export interface StepFlags {
  readonly host: string;
  /** Names, or names with options. */
  readonly methods: RunConfigInput['methods'];
  readonly backbone: string;
  readonly width: number;
  readonly batch: number;
  readonly image: number;
  readonly precision: 'f32' | 'bf16';
  readonly queue?: number;
}

interface Flags extends Omit<StepFlags, 'methods'> {
  readonly methods: string;
  readonly mode: 'compiled' | 'eager';
  readonly backend: 'auto' | 'tensorflow' | 'wasm';
  readonly threads?: number;
  readonly steps: number;
  readonly json?: boolean;
}

export function benchStepCommand(_context: Context): Command {
  return new Command('bench:step')
    .description('Times training steps on synthetic images.')
    .option('--host <name>', 'host framework', 'simclr')
    .option('--methods <names>', 'methods, separated by commas', '')
    .option('--backbone <name>', 'encoder', 'resnet18')
    .option('--width <factor>', 'width of a ResNet', number, 1)
    .option('--batch <n>', 'images in a batch', number, 64)
    .option('--image <pixels>', 'input side', number, 32)
    .addOption(new Option('--precision <p>', 'number format').choices(['f32', 'bf16']).default('f32'))
    .addOption(new Option('--mode <m>', 'how a step is run').choices(['compiled', 'eager']).default('compiled'))
    .addOption(new Option('--backend <b>', 'tensor library').choices(['auto', 'tensorflow', 'wasm']).default('auto'))
    .option('--threads <n>', 'threads of the tensor library', number)
    .option('--steps <n>', 'timed steps, after the first', number, 5)
    .option('--queue <n>', 'keys in the queue of a host that has one', number)
    .option('--json', 'print one JSON line')
    .action(run);
}

/** The runtime, and the figures of what it compiled. */
function watched(runtime: Runtime): { readonly runtime: Runtime; readonly stats: () => StepStats | undefined } {
  let stats: StepStats | undefined;
  const createProgram: Runtime['createProgram'] = (variables) => {
    const program = runtime.createProgram(variables);
    return {
      prepare: async (name, step, example) => {
        const compiled = await program.prepare(name, step, example);
        stats = (compiled as { stats?: StepStats }).stats;
        return compiled;
      },
      pull: () => program.pull(),
      push: () => program.push(),
      dispose: () => program.dispose(),
    };
  };
  return { runtime: { name: runtime.name, createProgram }, stats: () => stats };
}

async function run(flags: Flags): Promise<void> {
  const { batch, image: side } = flags;
  if (!(Number.isInteger(flags.steps) && flags.steps >= 1)) {
    throw new SslError('BAD_OPTION', `--steps is ${flags.steps}, but must be a whole number of at least 1.`);
  }
  const started = performance.now();
  const backend = await openBackend(flags);
  const { runtime, stats } = watched(backend.runtime);
  const loadMs = performance.now() - started;
  const { trainer, flops } = createTrainer(
    { ...flags, methods: flags.methods.split(',').filter((name) => name !== '') },
    runtime,
  );
  const views = Object.keys(trainer.plan);
  const inputs = {
    images: Object.fromEntries(views.map((v) => [v, noise(v, batch, side)])),
    ids: hostInts(Int32Array.from({ length: batch }, (_, i) => i)),
  };
  const first = performance.now();
  await trainer.step([inputs]);
  const firstMs = performance.now() - first;
  const startupMs = process.uptime() * 1000;
  const times: number[] = [];
  const cpuTimes: number[] = [];
  let loss = 0;
  for (let i = 0; i < flags.steps; i++) {
    const start = performance.now();
    const before = process.cpuUsage();
    ({ loss } = (await trainer.step([inputs])).metrics as { loss: number });
    times.push(performance.now() - start);
    const { user, system } = process.cpuUsage(before);
    cpuTimes.push((user + system) / 1000);
  }
  const median = medianOf(times);
  const ops = stats()?.ops ?? (await kernelsIn(() => trainer.step([inputs])));
  const result = {
    ...{ host: flags.host, methods: flags.methods, backbone: flags.backbone, width: flags.width, batch, image: side },
    ...{
      precision: flags.precision,
      mode: runtime.name === eagerRuntime.name ? 'eager' : flags.mode,
      steps: flags.steps,
    },
    medianMs: round(median),
    minMs: round(Math.min(...times)),
    // Of all threads: unlike elapsed time it hardly depends on what else the machine does.
    minCpuMs: round(Math.min(...cpuTimes)),
    // Of the compiled graph; eagerly the kernels that a step runs.
    ops,
    recordedOps: stats()?.recordedOps ?? null,
    // Of the host's own passes through the backbone; what methods add is not counted.
    gflopPerSecond: flops === undefined ? null : round(flops / 1e6 / median),
    loadMs: round(loadMs),
    recordMs: stats() === undefined ? null : round(stats()!.recordMs + stats()!.compileMs),
    firstStepMs: round(firstMs),
    // From the start of the process to the end of its first step.
    startupMs: round(startupMs),
    peakRssMb: Math.round(process.resourceUsage().maxRSS / 1024),
    backend: backend.description,
    loss,
  };
  trainer.dispose();
  if (flags.json) console.log(JSON.stringify(result));
  else for (const [key, value] of Object.entries(result)) console.log(`${key.padEnd(16)}${value}`);
}

export function medianOf(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** Number of kernels that run eagerly while `work` does. */
async function kernelsIn(work: () => Promise<unknown>): Promise<number> {
  tf.env().set('CHECK_COMPUTATION_FOR_ERRORS', false); // it would read every tensor back
  const { kernels } = await tf.profile(async () => {
    await work();
    return [];
  });
  return kernels.length;
}

/** A trainer on synthetic images, and the floating-point operations of its step, where the backbone counts them. */
export function createTrainer(flags: StepFlags, runtime: Runtime) {
  const { batch, image: side } = flags;
  const config = parseConfig(
    {
      ...{ data: 'synthetic', batch, side, epochs: 1, precision: flags.precision },
      host: { name: flags.host, ...(flags.queue === undefined ? {} : { queueSize: flags.queue }) },
      methods: flags.methods,
      backbone: flags.backbone.startsWith('vit') ? flags.backbone : { name: flags.backbone, width: flags.width },
    },
    (field) => `--${field}`,
  );
  const backbone = makeBackbone(config.backbone, side);
  const defaults = defaultsFor(config, 50_000, backbone.channels);
  const optimizer = makeOptimizer(defaults.optimizer);
  const trainer = new Trainer({
    host: makeHost(defaults.host, backbone),
    // A method that starts later is timed at work.
    plugins: defaults.methods.map((m) => makeMethod('startEpoch' in m ? { ...m, startEpoch: 0 } : m)),
    optimizer,
    schedule: makeSchedule(optimizer.learningRate, defaults.schedule),
    recipes: makeRecipes(defaults.recipe, normalizationOf(config.normalization)),
    ...{ batch, side, epochs: 1, stepsPerEpoch: 1_000_000, seed: 1, runtime },
  });
  const trained = trainer.info.anchorViews.length;
  const perImage = (backbone as { flops?: (side: number) => number }).flops?.(side);
  // Forward 1, backward 2; a view that only the target encodes costs one forward pass.
  const passes = 3 * trained + (trainer.info.momentumTarget ? (trained === 1 ? 1 : 2) : 0);
  return { trainer, flops: perImage === undefined ? undefined : perImage * batch * passes };
}

/** Images of noise, normalised, the same in every run. */
export function noise(view: string, batch: number, side: number): HostTensor {
  const rng = Rng.create(0).fork(view);
  const data = Float32Array.from({ length: batch * side * side * 3 }, () => rng.normal());
  return hostTensor([batch, side, side, 3], data);
}

const round = (value: number) => Math.round(100 * value) / 100;
