// One of the processes of parallel.ts. Usage: parallel-worker.ts JSON (a ParallelCase), with TF_CONFIG. Rank 0 prints its costs as JSON.
import { readFileSync } from 'node:fs';
import {
  type Collective,
  hostInts,
  hostTensor,
  Rng,
  type Runtime,
  sgd,
  Trainer,
  type TrainerOptions,
} from '@contrastive/core';
import { compiledRuntime, joinCluster, loadTensorFlow } from '@contrastive/engine';
import * as tf from '@tensorflow/tfjs-core';
import { makeBackbone, makeHost, makeRecipes, normalizationOf } from '../src/catalogue.js';
import { medianOf } from '../src/commands/bench-step.js';
import { findCluster } from '../src/workers/cluster.js';
import type { StepCosts } from './scaling-model.js';

export interface ParallelCase {
  readonly rounds: number;
  /** Of a ResNet-18. */
  readonly width: number;
  /** Images of one worker. */
  readonly batch: number;
}

/** Medians of the rounds, milliseconds. */
export interface ParallelCosts extends StepCosts {
  readonly localMs: number;
  readonly synchronisedMs: number;
  /** All-reduces by themselves: of the bucket, and of one number. */
  readonly bucketMs: number;
  readonly smallMs: number;
  /** Bytes that went over the loopback interface, of both processes, with the headers of all protocols. */
  readonly wire: Readonly<Record<'aloneMs' | 'localMs' | 'synchronisedMs' | 'bucketMs' | 'smallMs', number>>;
}

const SIDE = 32;
const threads = 1;

/** Of this network namespace, so other programs must be quiet; 0 where the system has no /proc. */
function loopbackBytes(): number {
  try {
    return Number(/^\s*lo:\s*(\d+)/m.exec(readFileSync('/proc/net/dev', 'utf8'))?.[1] ?? 0);
  } catch {
    return 0;
  }
}

/** An all-reduce of `size` numbers that lie on the device. */
async function reduction(name: string, size: number, collective: Collective, runtime: Runtime) {
  const x = tf.variable(tf.ones([size]), false);
  const program = runtime.createProgram({ x });
  const step = await program.prepare(name, () => ({ first: tf.slice(collective.reduceMean([x])[0]!, [0], [1]) }), {});
  return () => step.run({});
}

type Shared = Pick<TrainerOptions, 'batch' | 'runtime' | 'collective' | 'batchNorm'>;

const createTrainer = (width: number, shared: Shared): Trainer =>
  new Trainer({
    host: makeHost({ name: 'simclr' }, makeBackbone({ name: 'resnet18', width }, SIDE)),
    optimizer: sgd({ learningRate: 0.01 }),
    schedule: () => 0.01,
    recipes: makeRecipes('simclr', normalizationOf('cifar10')),
    ...{ side: SIDE, epochs: 1, stepsPerEpoch: 1_000_000, seed: 1 },
    ...shared,
  });

function noise(batch: number) {
  const rng = Rng.create(0);
  return hostTensor(
    [batch, SIDE, SIDE, 3],
    Float32Array.from({ length: batch * SIDE * SIDE * 3 }, () => rng.normal()),
  );
}

async function measure({ rounds, width, batch }: ParallelCase): Promise<void> {
  const member = findCluster({}, process.env.TF_CONFIG)!;
  await loadTensorFlow({ threads });
  const cluster = await joinCluster({ ...member, threads });
  const runtime = compiledRuntime({ cluster });
  const { collective } = cluster;
  const alone = createTrainer(width, { batch, runtime });
  const together = (batchNorm: 'local' | 'synchronised') =>
    createTrainer(width, { batch: batch * cluster.size, runtime, collective, batchNorm });
  const [local, synchronised] = [together('local'), together('synchronised')];
  const images = Object.fromEntries(Object.keys(alone.plan).map((view) => [view, noise(batch)]));
  const inputs = { images, ids: hostInts(Int32Array.from({ length: batch }, (_, i) => i)) };
  // Gradients, running statistics and the loss: what is averaged after every step.
  const { variables, info } = local;
  const online = Object.entries(variables).filter(([path]) => path.startsWith('online/'));
  const numbers = 1 + online.reduce((total, [, variable]) => total + variable.size, 0);
  const work = {
    aloneMs: () => alone.step([inputs]),
    localMs: () => local.step([inputs]),
    synchronisedMs: () => synchronised.step([inputs]),
    bucketMs: await reduction('bucket', numbers, collective, runtime),
    smallMs: await reduction('small', 1, collective, runtime),
  };
  const lists = () => new Map(Object.keys(work).map((name) => [name, [] as number[]]));
  const [times, bytes] = [lists(), lists()];
  for (let round = -1; round < rounds; round++) {
    for (const [name, run] of Object.entries(work)) {
      await work.smallMs(); // both begin together
      const [start, sent] = [performance.now(), loopbackBytes()];
      await run();
      if (round < 0) continue; // it records the steps
      times.get(name)!.push(performance.now() - start);
      bytes.get(name)!.push(loopbackBytes() - sent);
    }
  }
  await work.smallMs();
  if (cluster.rank > 0) return;
  const medians = (of: typeof times) => Object.fromEntries([...of].map(([name, list]) => [name, medianOf(list)]));
  const gatherBytes = 4 * info.anchorViews.length * batch * info.dim;
  console.log(JSON.stringify({ ...medians(times), wire: medians(bytes), bucketBytes: 4 * numbers, gatherBytes }));
}

await measure(JSON.parse(process.argv[2]!) as ParallelCase);
