import { type OptionIssue, oneOf, type Runtime, resolveOptions, SslError } from '@contrastive/core';
import type * as tf from '@tensorflow/tfjs-core';
import { type Cluster, serverOf } from './cluster/cluster.js';
import { fuseAdam } from './graph/passes/adam.js';
import { bfloat16 } from './graph/passes/bfloat16.js';
import { makeUpdatesConditional } from './graph/passes/conditional-updates.js';
import { expandKernelGradients } from './graph/passes/kernel-gradients.js';
import { fuseMomentum } from './graph/passes/momentum.js';
import { orderCollectives } from './graph/passes/order-collectives.js';
import { removeDeadNodes } from './graph/passes/remove-dead-nodes.js';
import { fuseRunningStatistics } from './graph/passes/running-statistics.js';
import { shareConstants } from './graph/passes/share-constants.js';
import { simplify } from './graph/passes/simplify.js';
import { waitForGates } from './graph/passes/wait-for-gates.js';
import { GraphProgram, type Pass, type TensorFlowProgram } from './graph/program.js';
import { currentTensorFlow } from './load.js';
import { tensorFloat32 } from './native/tensor-float.js';

/** Number format of the network's activations; parameters, statistics, losses and the optimiser are float32 always. */
export type Precision = 'f32' | 'tf32' | 'bf16';

export interface CompiledRuntimeOptions {
  /**
   * Default `f32`. `tf32` lets NVIDIA GPUs round the factors of products to 10 bits, which is faster, and is `f32` elsewhere; the newest
   * runtime of a process decides for all. `bf16` computes convolutions and what lies between them in bfloat16.
   */
  readonly precision?: Precision;
  /** Lets XLA compile what runs on a GPU. Default false. It needs a GPU: on processors it was slower (twice the time, measured). */
  readonly xla?: boolean;
  /** Operations that may run at the same time; default TensorFlow's choice. 1 makes the order of operations repeatable. In a
   * cluster the server has the threads: `threads` of `joinCluster`. */
  readonly threads?: number | undefined;
  /** The cluster that this process has joined: programs may then use its collective. Default: none. */
  readonly cluster?: Cluster | undefined;
}

export const COMPILED_RUNTIME_DEFAULTS: Readonly<CompiledRuntimeOptions> = {
  precision: 'f32',
  xla: false,
  threads: undefined,
  cluster: undefined,
};

const CLEANING: readonly Pass[] = [
  simplify,
  shareConstants,
  makeUpdatesConditional,
  fuseRunningStatistics,
  removeDeadNodes,
];
/** Last, since what they make is no longer an assignment of a value that another pass could look at. */
const IN_PLACE: readonly Pass[] = [waitForGates, fuseMomentum, fuseAdam, removeDeadNodes, orderCollectives];

const passesFor = (precision: Precision, onGpu: boolean): readonly Pass[] => [
  ...CLEANING,
  ...(precision === 'bf16' ? [bfloat16] : []),
  ...(precision === 'bf16' && !onGpu ? [expandKernelGradients, shareConstants] : []),
  ...IN_PLACE,
];

/** A runtime whose programs are compiled: see {@link compiledRuntime}. */
export interface CompiledRuntime extends Runtime {
  createProgram(variables: Readonly<Record<string, tf.Variable>>): TensorFlowProgram;
}

/**
 * Runs steps as TensorFlow graphs: a step is recorded once and then replayed by one call into TensorFlow.
 *
 * @throws SslError `BACKEND_MISSING` if `loadTensorFlow` has not been called; `BAD_OPTION`.
 */
export function compiledRuntime(options: CompiledRuntimeOptions = {}): CompiledRuntime {
  const o = resolveOptions('compiledRuntime', COMPILED_RUNTIME_DEFAULTS, options, checkOptions);
  const { precision = 'f32', threads, cluster, xla } = o;
  const tensorflow = currentTensorFlow();
  if (tensorflow === undefined) {
    throw new SslError('BACKEND_MISSING', 'compiledRuntime: TensorFlow has not been loaded.', {
      hint: 'Call `await loadTensorFlow()` first.',
    });
  }
  const onGpu = tensorflow.isUsingGpuDevice;
  if (xla && !onGpu) {
    throw new SslError('BAD_OPTION', 'compiledRuntime: xla needs a GPU, and TensorFlow uses none.', {
      hint: 'Leave xla off: on processors steps are slower with it.',
    });
  }
  tensorFloat32(tensorflow.library.file)?.enable(precision === 'tf32');
  const server = cluster === undefined ? undefined : serverOf(cluster);
  const ownPool = threads === undefined ? {} : { interOpThreads: threads, ownThreads: true };
  const pool = server === undefined ? ownPool : { worker: { rank: cluster!.rank } };
  const session = { ...pool, xla, device: tensorflow.device };
  const passes = passesFor(precision, onGpu);
  return {
    name: `tensorflow-${precision}`,
    createProgram: (variables) => new GraphProgram(tensorflow, variables, { passes, session, server }),
  };
}

function checkOptions(options: CompiledRuntimeOptions): OptionIssue[] {
  const { threads } = options;
  const issues = oneOf(options, 'precision', ['f32', 'tf32', 'bf16']);
  if (threads !== undefined && !(Number.isInteger(threads) && threads >= 1)) {
    issues.push({ option: 'threads', problem: `must be a whole number ≥ 1, but is ${threads}` });
  }
  return issues;
}
