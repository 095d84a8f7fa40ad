import { readFileSync } from 'node:fs';
import { SslError } from '@contrastive/core';
import { parse as parseYaml } from 'yaml';
import { z } from 'zod';
import { ioError } from '../files.js';

/** The processes that train together, and which of them this one is. */
export interface Cluster {
  /** `host:port` of each, by rank: at least two. Rank 0 writes the run folder. */
  readonly workers: readonly string[];
  readonly rank: number;
}

export interface ClusterFlags {
  /** `--cluster`: file with a list of `host:port`. */
  readonly cluster?: string | undefined;
  /** `--rank`: place of this process in that list. */
  readonly rank?: number | undefined;
  /** `--workers`: if it was given, the cluster must have this size. */
  readonly workers?: number | undefined;
}

const address = z.string().refine(isAddress, { error: 'must be host:port, with a port from 1 to 65535' });

function isAddress(text: string): boolean {
  const port = /^(?:\[[0-9a-fA-F:.]+\]|[^\s:/]+):(\d{1,5})$/.exec(text)?.[1];
  return port !== undefined && Number(port) >= 1 && Number(port) <= 65535;
}

const index = z.union([z.int().min(0), z.string().regex(/^\d+$/).transform(Number)], {
  error: 'must be a whole number',
});

/** What Kubeflow's TFJob, Vertex AI and SageMaker write, as far as it is read here. */
const tfConfigSchema = z.looseObject({
  cluster: z
    .looseObject({
      chief: z.array(address).max(1).optional(),
      /** What a chief was called before. */
      master: z.array(address).max(1).optional(),
      worker: z.array(address).optional(),
      ps: z.array(z.unknown()).max(0, { error: 'there are no parameter servers here: use workers only' }).optional(),
    })
    .default({}),
  sparseCluster: z.never({ error: 'a cluster that changes while it trains is not supported' }).optional(),
  task: z
    .looseObject({
      type: z.enum(['chief', 'master', 'worker'], { error: 'must be chief or worker: no other task trains' }),
      index,
    })
    .optional(),
});

/**
 * Which processes train together: those of `--cluster FILE`, else those of `TF_CONFIG`. Undefined if there are none, or just one.
 *
 * @param tfConfig value of the environment variable. @throws SslError `USAGE` that says what is wrong with which of them; `IO`.
 */
export function findCluster(flags: ClusterFlags, tfConfig: string | undefined): Cluster | undefined {
  const { cluster: file, rank, workers } = flags;
  if (file === undefined && rank !== undefined) {
    throw new SslError('USAGE', '--rank was given without --cluster.', {
      hint: 'Give --cluster FILE, a list of host:port by rank.',
    });
  }
  const source = file === undefined ? 'TF_CONFIG' : file;
  const found = file === undefined ? fromTfConfig(tfConfig) : fromFile(file, rank);
  if (found === undefined) return undefined;
  checkMembers(source, found);
  const size = found.workers.length;
  if (workers !== undefined && workers !== size) {
    throw new SslError('USAGE', `--workers is ${workers}, but ${source} lists ${size}.`, {
      hint: 'Leave --workers out.',
    });
  }
  return size === 1 ? undefined : found;
}

function fromTfConfig(text: string | undefined): Cluster | undefined {
  if (text === undefined || text.trim() === '') return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new SslError('USAGE', `TF_CONFIG is not valid JSON: ${(error as Error).message}.`, { cause: error });
  }
  const { cluster, task } = checked('TF_CONFIG', tfConfigSchema, value);
  const first = [...(cluster.chief ?? []), ...(cluster.master ?? [])];
  const workers = [...first, ...(cluster.worker ?? [])];
  if (workers.length === 0) return undefined;
  if (task === undefined) {
    if (workers.length === 1) return undefined;
    throw new SslError('USAGE', 'TF_CONFIG has no task: which of the workers this process is.');
  }
  const among = task.type === 'worker' ? (cluster.worker ?? []) : first;
  if (task.index >= among.length) {
    throw new SslError('USAGE', `TF_CONFIG: this is ${task.type} ${task.index}, but the cluster has ${among.length}.`);
  }
  return { workers, rank: task.type === 'worker' ? first.length + task.index : task.index };
}

function fromFile(path: string, rank: number | undefined): Cluster {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw ioError('Reading the cluster', path, error);
  }
  let value: unknown;
  try {
    value = parseYaml(text); // JSON is YAML, too
  } catch (error) {
    const [reason] = (error as Error).message.split('\n');
    throw new SslError('USAGE', `${path} is not valid YAML: ${reason}`, { cause: error });
  }
  const workers = checked(path, z.array(address, { error: 'must be a list of host:port' }).min(1), value);
  if (rank === undefined) {
    throw new SslError('USAGE', '--cluster was given without --rank.', {
      hint: `Give --rank R, from 0 to ${workers.length - 1}: the place of this process in ${path}.`,
    });
  }
  return { workers, rank };
}

function checkMembers(source: string, { workers, rank }: Cluster): void {
  const twice = workers.find((worker, i) => workers.indexOf(worker) < i);
  if (twice !== undefined) throw new SslError('USAGE', `${source} lists ${twice} twice.`);
  if (!Number.isInteger(rank) || rank < 0 || rank >= workers.length) {
    throw new SslError(
      'USAGE',
      `--rank is ${rank}, but ${source} lists ${workers.length} workers: 0 to ${workers.length - 1}.`,
    );
  }
}

function checked<T>(source: string, schema: z.ZodType<T>, value: unknown): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const problems = result.error.issues.map(({ path, message }) => [...path, message].join(path.length > 0 ? ': ' : ''));
  throw new SslError('USAGE', `${source}: ${problems.join('; ')}.`);
}
