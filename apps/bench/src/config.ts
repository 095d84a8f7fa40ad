import { readFileSync } from 'node:fs';
import { extname } from 'node:path';
import { nearest, SslError } from '@contrastive/core';
import { parse as parseYaml } from 'yaml';
import { z } from 'zod';
import { ioError } from './files.js';

/** `moco`, or `{ name: moco, temperature: 0.1 }`: a part by name, with options that the part itself checks. */
const part = z.union([
  z
    .string()
    .min(1)
    .transform((name) => ({ name })),
  z.looseObject({ name: z.string().min(1) }),
]);
export type Part = { readonly name: string } & { readonly [option: string]: unknown };

/** As `part`; without a name the options change the default part, for example `{ learningRate: 0.1 }`. */
const settings = z.union([
  z
    .string()
    .min(1)
    .transform((name): PartSettings => ({ name })),
  z.looseObject({ name: z.string().min(1).optional() }),
]);
export type PartSettings = { readonly name?: string | undefined } & { readonly [option: string]: unknown };

const count = z.int().positive();

/** Configuration of one pretraining run: what `config.json` records and `--config` reads. */
export const runConfigSchema = z.strictObject({
  /** Folder of images, tar file, or `cifar10-mini` (embedded). */
  data: z.string().min(1),
  /** `train`, `test`, `all` or a top folder of the data; default: `train` if there is such a folder, else everything. */
  split: z.string().min(1).optional(),
  /** Folder of the decoded-image cache; default: the user's cache folder. */
  cache: z.string().min(1).optional(),
  /** Share of unreadable images above which the run is refused. */
  maxUnreadable: z.number().min(0).max(1).default(0.01),
  host: part.default({ name: 'moco' }),
  methods: z.array(part).default([]),
  backbone: part.default({ name: 'resnet18' }),
  /** Augmentation; default: the host's. */
  recipe: z.string().min(1).optional(),
  /** Mean and standard deviation of the views' channels, by data set. */
  normalization: z.string().min(1).default('imagenet'),
  /** Input side in pixels. */
  side: count.default(32),
  /** Images in a micro-batch, of all workers together; one image has no other to be told from. */
  batch: z.int().min(2).default(128),
  /** Micro-batches per optimiser step. */
  accumulate: count.default(1),
  /** Passes over the data; 0 writes the encoder as it was initialised, the baseline of an evaluation. */
  epochs: z.int().min(0).default(20),
  seed: z.int().min(0).default(1),
  /** Default: the host's. */
  optimizer: settings.optional(),
  /** Default: the host's. */
  schedule: settings.optional(),
  /** `tf32` and `xla` are for NVIDIA GPUs. */
  precision: z.enum(['f32', 'tf32', 'bf16']).default('f32'),
  /** Lets XLA compile steps for the GPU. */
  xla: z.boolean().default(false),
  /** Where to compute; `auto`: on a GPU where TensorFlow finds one. */
  device: z.enum(['auto', 'cpu', 'gpu']).default('auto'),
  mode: z.enum(['compiled', 'eager']).default('compiled'),
  backend: z.enum(['auto', 'tensorflow', 'wasm']).default('auto'),
  /** Threads of the tensor library in one process; default: all cores, or with `workers` a share of them. */
  threads: count.optional(),
  /** Training processes on this machine, which share the batch. A cluster (`TF_CONFIG`, `--cluster`) has its own number. */
  workers: count.default(1),
  /** Seconds after which a worker that does not answer ends the run on all others; longer than the slowest step and checkpoint. */
  workerTimeout: z.number().positive().default(300),
  /** Batch statistics of several workers: over the whole batch, or over each worker's images. */
  batchNorm: z.enum(['synchronised', 'local']).default('synchronised'),
  /** Who makes the views: threads of the processor, or the device inside the step (the same ones, up to rounding). */
  augment: z.enum(['cpu', 'device']).default('cpu'),
  /** Worker threads that make views; 0: on the main thread. */
  viewWorkers: z.int().min(0).default(1),
  /**
   * What becomes of a step whose loss or gradient is not finite, or over `maxGradientNorm`: the run stops; or the step changes nothing;
   * or the run goes back to its last checkpoint and on from there with half the learning rate, at most three times.
   */
  onDivergence: z.enum(['stop', 'skip', 'rollback']).default('stop'),
  /** L2 norm of a step's gradient from which on it counts as diverged; default: no limit. */
  maxGradientNorm: z.number().positive().optional(),
  /** Metric whose mean over an epoch says which checkpoint is the best one; that one is kept besides the newest. */
  bestBy: z.string().min(1).default('loss'),
  bestGoal: z.enum(['min', 'max']).default('min'),
  /** Epochs between checkpoints; one is always written at the end and when the run is stopped. */
  checkpointEvery: count.default(1),
  keepCheckpoints: count.default(2),
  /** Steps between full records of metrics. */
  recordEvery: count.default(20),
  /** A linear probe on detached features beside the training, logged as `online-probe/accuracy`; needs labels. */
  onlineProbe: z.boolean().default(false),
  /** kNN evaluation of the encoder at the end, where the data has labels. */
  evaluate: z.boolean().default(true),
});
export type RunConfig = z.output<typeof runConfigSchema>;
export type RunConfigInput = z.input<typeof runConfigSchema>;

/**
 * Checks a configuration and fills in defaults.
 *
 * @param sourceOf who gave a field, for messages: a file's name, or the flag.
 * @throws SslError `BAD_OPTION` listing every problem; an unknown key suggests the nearest.
 */
export function parseConfig(input: unknown, sourceOf: (field: string) => string): RunConfig {
  const result = runConfigSchema.safeParse(input);
  if (result.success) return result.data;
  throw new SslError('BAD_OPTION', `${result.error.issues.flatMap((issue) => explain(issue, sourceOf)).join('; ')}.`);
}

function explain(issue: z.core.$ZodIssue, sourceOf: (field: string) => string): string[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => {
      const fields = Object.keys(runConfigSchema.shape);
      const near = nearest(key, fields);
      const advice = near === undefined ? `there are ${fields.join(', ')}` : `did you mean ${near}?`;
      return `${sourceOf(key)}: ${key} is not an option; ${advice}`;
    });
  }
  const path = issue.path.join('.');
  return [`${sourceOf(String(issue.path[0] ?? ''))}: ${path === '' ? 'the configuration' : path}: ${issue.message}`];
}

/** Reads a YAML or JSON file. @throws SslError `IO`, `USAGE`. */
export function readConfigFile(path: string): Record<string, unknown> {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw ioError('Reading the configuration', path, error);
  }
  let value: unknown;
  try {
    value = extname(path) === '.json' ? JSON.parse(text) : parseYaml(text);
  } catch (error) {
    throw new SslError(
      'USAGE',
      `${path} is not valid ${extname(path) === '.json' ? 'JSON' : 'YAML'}: ${(error as Error).message}`,
      { hint: 'Correct the file.', cause: error },
    );
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new SslError('USAGE', `${path} must hold a map of options, for example "host: moco".`);
  }
  return value as Record<string, unknown>;
}

/**
 * Puts one `--set path=value` into a configuration: `host.temperature=0.1`, or `reco.lambda1=2` for an option of a listed method. The
 * value is read as YAML, so numbers, booleans and lists work.
 */
export function applySetting(config: Record<string, unknown>, setting: string): void {
  const equals = setting.indexOf('=');
  if (equals < 1)
    throw new SslError('USAGE', `--set ${setting}: write it as path=value, for example host.temperature=0.1.`);
  const path = setting.slice(0, equals).split('.');
  const value = parseValue(setting, setting.slice(equals + 1));
  const [first, ...rest] = path as [string, ...string[]];
  if (rest.length === 0) {
    config[first] = value;
    return;
  }
  if (rest.length > 1) throw new SslError('USAGE', `--set ${setting}: a path has at most two parts.`);
  const option = rest[0]!;
  if (first in runConfigSchema.shape) {
    config[first] = { ...asPart(config[first], first, setting), [option]: value };
    return;
  }
  const methods = Array.isArray(config.methods) ? (config.methods as unknown[]) : [];
  const index = methods.findIndex((m) => asPart(m, 'methods', setting).name === first);
  if (index === -1) {
    const known = [...Object.keys(PARTS), ...methods.map((m) => String(asPart(m, 'methods', setting).name))];
    const near = nearest(first, known);
    throw new SslError('USAGE', `--set ${setting}: ${first} is neither a part of this run nor one of its methods.`, {
      hint: near === undefined ? `There are ${known.join(', ')}.` : `Did you mean ${near}?`,
    });
  }
  config.methods = methods.map((m, i) => (i === index ? { ...asPart(m, 'methods', setting), [option]: value } : m));
}

function parseValue(setting: string, text: string): unknown {
  try {
    return parseYaml(text, { logLevel: 'error' });
  } catch (error) {
    const [reason] = (error as Error).message.split('\n');
    throw new SslError('USAGE', `--set ${setting}: the value is not valid YAML: ${reason}`, {
      hint: 'Put text with special characters into quotes.',
      cause: error,
    });
  }
}

/** Parts whose options can be set, and what is set where none is named. */
const PARTS: Readonly<Record<string, Record<string, unknown>>> = {
  host: { name: 'moco' },
  backbone: { name: 'resnet18' },
  optimizer: {},
  schedule: {},
};
const partNames = () => [...Object.keys(PARTS), 'the methods'].join(', ');

function asPart(value: unknown, name: string, setting: string): Record<string, unknown> {
  if (typeof value === 'string') return { name: value };
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  const fallback = PARTS[name];
  if (value === undefined && fallback !== undefined) return fallback;
  throw new SslError('USAGE', `--set ${setting}: ${name} is not a part with options; there are ${partNames()}.`);
}
