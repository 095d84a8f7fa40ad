import { ALONE, type Collective, type OptionIssue, resolveOptions, SslError, type Workers } from '@contrastive/core';
import { currentTensorFlow, type LoadedTensorFlow } from '../load.js';
import { encodeConfig } from '../native/config.js';
import { bytesField, intField, message } from '../native/protobuf.js';
import type { SessionServer } from '../native/session.js';
import { checkStatus } from '../native/status.js';
import { clusterCollective } from './collective.js';
import { workerLost } from './lost.js';
import { waitForPeers } from './peers.js';

export interface ClusterOptions {
  /** Address `host:port` of every worker, in the order of ranks; the same list on all of them. Required. */
  readonly workers: readonly string[];
  /** Which of them this process is, from 0. Required. */
  readonly rank: number;
  /**
   * How long an exchange may wait for the slowest worker, > 0, in seconds: a worker that hangs ends the run on the others after this
   * time (one that dies does so at once). More than the slowest step, checkpoint or evaluation of one worker takes. Default 600.
   */
  readonly timeoutSeconds?: number;
  /** How long to wait for all workers to appear, > 0, in seconds. Default 600. */
  readonly joinTimeoutSeconds?: number;
  /** Operations that may run at the same time; default TensorFlow's choice. 1 makes results repeatable. */
  readonly threads?: number | undefined;
}

export const CLUSTER_DEFAULTS: Readonly<Required<Omit<ClusterOptions, 'threads'>> & Pick<ClusterOptions, 'threads'>> = {
  workers: [],
  rank: 0,
  timeoutSeconds: 600,
  joinTimeoutSeconds: 600,
  threads: undefined,
};

/** The processes that train together, as this one sees them. */
export interface Cluster extends Workers {
  /** Addresses by rank. */
  readonly workers: readonly string[];
  /** For `Trainer` and other steps. */
  readonly collective: Collective;
}

// A process can be one worker: TensorFlow can start a server, but not stop it.
let joined: { readonly cluster: Cluster; readonly server: SessionServer | undefined } | undefined;

/** Where programs of a cluster run. @throws SslError `BAD_OPTION` if the cluster is not the one that this process has joined. */
export function serverOf(cluster: Cluster): SessionServer | undefined {
  if (joined?.cluster === cluster) return joined.server;
  throw new SslError('BAD_OPTION', 'compiledRuntime: the cluster does not come from joinCluster of this process.');
}

/**
 * Starts this process's server on the port of `workers[rank]` and waits until all workers have theirs. Gives the collective for
 * `Trainer`, and goes with `compiledRuntime({ cluster })`. Further calls with the same workers return the same cluster: it lives
 * until the process ends. One worker needs no server, and trains as without a cluster.
 *
 * @throws SslError `BAD_OPTION`; `BACKEND_MISSING` if `loadTensorFlow` has not been called; `CLUSTER` if the port is taken or workers
 *   do not appear in time.
 * @example
 * const cluster = await joinCluster({ workers: ['10.0.0.1:2222', '10.0.0.2:2222'], rank: 0 });
 * new Trainer({ collective: cluster.collective, runtime: compiledRuntime({ cluster }), batch: 512, … }) // 256 images on each worker
 */
export async function joinCluster(options: ClusterOptions): Promise<Cluster> {
  const o = resolveOptions<Required<Omit<ClusterOptions, 'threads'>> & Pick<ClusterOptions, 'threads'>>(
    'joinCluster',
    CLUSTER_DEFAULTS,
    options,
    checkOptions,
  );
  if (joined !== undefined) return checkSame(joined.cluster, o);
  const tensorflow = currentTensorFlow();
  if (tensorflow === undefined) {
    throw new SslError('BACKEND_MISSING', 'joinCluster: TensorFlow has not been loaded.', {
      hint: 'Call `await loadTensorFlow()` first.',
    });
  }
  const { workers, rank } = o;
  const size = workers.length;
  if (size === 1) {
    joined = { cluster: { size, rank, workers, collective: ALONE }, server: undefined };
    return joined.cluster;
  }
  const target = startServer(tensorflow, o);
  const collective = clusterCollective({ size, rank }, tensorflow, o.timeoutSeconds);
  const explain = (code: number, text: string) => {
    const lost = workerLost(code, text, o);
    if (lost !== undefined) throw lost;
  };
  joined = { cluster: { size, rank, workers, collective }, server: { target, explain } };
  await waitForPeers(workers, o.joinTimeoutSeconds);
  return joined.cluster;
}

/** @returns where sessions find the server. */
function startServer({ api }: LoadedTensorFlow, { workers, rank, threads }: ClusterOptions): string {
  const config = encodeConfig({ interOpThreads: threads, worker: { rank } });
  const tasks = workers.map((address, i) => bytesField(2, message(intField(1, i), bytesField(2, address))));
  const definition = message(
    bytesField(1, bytesField(1, message(bytesField(1, 'worker'), ...tasks))), // cluster { job }
    bytesField(2, 'worker'), // job_name
    intField(3, rank), // task_index
    bytesField(4, config), // default_session_config
    bytesField(5, 'grpc'), // protocol
  );
  const status = api.newStatus();
  try {
    const server = api.newServer(definition, definition.length, status);
    checkStatus(api, status, 'starting a server');
    api.serverStart(server!, status);
    checkStatus(api, status, 'starting a server');
    return api.serverTarget(server!);
  } catch (error) {
    throw new SslError('CLUSTER', `joinCluster: rank ${rank} cannot serve at ${workers[rank]}.`, {
      hint: 'The port may be taken: choose another one, on all workers.',
      cause: error,
    });
  } finally {
    api.deleteStatus(status);
  }
}

const ADDRESS = /^(\[[0-9a-f:.]+\]|[^\s:/[\]]+):\d{1,5}$/i;

function checkOptions(o: ClusterOptions): OptionIssue[] {
  const { workers, rank, threads } = o;
  const issues: OptionIssue[] = [];
  const wrong = workers.find((address) => !ADDRESS.test(address) || Number(address.split(':').at(-1)) > 65535);
  const twice = workers.find((address, i) => workers.indexOf(address) !== i);
  if (workers.length === 0) issues.push({ option: 'workers', problem: 'must list at least one address' });
  if (wrong !== undefined)
    issues.push({ option: 'workers', problem: `must be addresses like host:2222, but one is ${wrong}` });
  if (twice !== undefined) issues.push({ option: 'workers', problem: `lists ${twice} twice` });
  if (!(Number.isInteger(rank) && rank >= 0 && rank < Math.max(1, workers.length))) {
    issues.push({ option: 'rank', problem: `must be one of 0 to ${workers.length - 1}, but is ${rank}` });
  }
  for (const option of ['timeoutSeconds', 'joinTimeoutSeconds'] as const) {
    if (!(o[option]! > 0 && Number.isFinite(o[option]))) {
      issues.push({ option, problem: `must be a number > 0, but is ${o[option]}` });
    }
  }
  if (threads !== undefined && !(Number.isInteger(threads) && threads >= 1)) {
    issues.push({ option: 'threads', problem: `must be a whole number ≥ 1, but is ${threads}` });
  }
  return issues;
}

function checkSame(cluster: Cluster, { workers, rank }: ClusterOptions): Cluster {
  if (cluster.rank === rank && String(cluster.workers) === String(workers)) return cluster;
  throw new SslError('BAD_OPTION', `joinCluster: this process is rank ${cluster.rank} of another cluster already.`, {
    hint: 'A process joins one cluster: start new processes for another one.',
  });
}
