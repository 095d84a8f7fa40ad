import { bytesField, intField, message } from './protobuf.js';

/** What the engine sets of TensorFlow's `ConfigProto`; everything else stays at TensorFlow's defaults, which measured best. */
export interface SessionConfig {
  /** Threads inside one operation; the first context of a process decides for all. */
  readonly intraOpThreads?: number | undefined;
  /** Operations that may run at the same time. */
  readonly interOpThreads?: number | undefined;
  /** Gives the session its own pool of `interOpThreads`, instead of the process's. */
  readonly ownThreads?: boolean | undefined;
  /** `cpu` hides GPUs. */
  readonly device?: 'auto' | 'cpu' | 'gpu' | undefined;
  /** Compiles clusters of operations by XLA where they run on a GPU. */
  readonly xla?: boolean | undefined;
  /** The worker that the session belongs to: it uses this worker's devices only, and worker 0 brings collectives together. */
  readonly worker?: { readonly rank: number } | undefined;
}

/** Name of a worker's task in TensorFlow's cluster. */
export const taskName = (rank: number): string => `/job:worker/replica:0/task:${rank}`;

/**
 * Encoded `ConfigProto`. On a GPU memory is taken as needed (`allow_growth`), since the eager context and the sessions share
 * the device; an operation without a kernel for its device runs on the CPU (`allow_soft_placement`).
 */
export const encodeConfig = (config: SessionConfig): Uint8Array =>
  message(
    ...(config.device === 'cpu' ? [bytesField(1, message(bytesField(1, 'GPU'), intField(2, 0)))] : []), // device_count
    ...(config.intraOpThreads === undefined ? [] : [intField(2, config.intraOpThreads)]),
    ...(config.interOpThreads === undefined ? [] : [intField(5, config.interOpThreads)]),
    bytesField(6, intField(4, true)), // gpu_options.allow_growth
    intField(7, true), // allow_soft_placement
    ...(config.ownThreads === true ? [intField(9, true)] : []), // use_per_session_threads
    ...(config.xla === true ? [bytesField(10, bytesField(3, intField(5, 1)))] : []), // graph_options.optimizer_options.global_jit_level
    ...(config.worker === undefined ? [] : workerFields(config.worker.rank)),
  );

const workerFields = (rank: number): Uint8Array[] => [
  bytesField(4, `/job:worker/task:${rank}`), // device_filters
  intField(15, true), // isolate_session_state: variables of one name in two sessions of a server are two variables
  bytesField(16, message(bytesField(1, taskName(0)), intField(7, true))), // experimental: collective_group_leader, collective_nccl
];
