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

const count = z.int().positive();

/** Configuration of one pretraining run: what `config.json` records and `--config` reads. */
export const runConfigSchema = z.strictObject({
  /** Folder of images, tar file, or `cifar10-mini` (embedded). */
  data: z.string().min(1),
  /** Sub-set of the data, where it has such folders. */
  split: z.string().min(1).default('train'),
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
  batch: count.default(128),
  /** Micro-batches per optimiser step. */
  accumulate: count.default(1),
  /** Passes over the data; 0 writes the encoder as it was initialised, the baseline of an evaluation. */
  epochs: z.int().min(0).default(20),
  seed: z.int().min(0).default(1),
  /** Default: the host's. */
  optimizer: part.optional(),
  schedule: part.optional(),
  precision: z.enum(['f32', 'bf16']).default('f32'),
  mode: z.enum(['compiled', 'eager']).default('compiled'),
  backend: z.enum(['auto', 'tensorflow', 'wasm']).default('auto'),
  /** Threads of the tensor library; default: all cores. */
  threads: count.optional(),
  /** Worker threads that make views; 0: on the main thread. */
  workers: z.int().min(0).default(1),
  /** Epochs between checkpoints; one is always written at the end and when the run is stopped. */
  checkpointEvery: count.default(1),
  keepCheckpoints: count.default(2),
  /** Steps between full records of metrics. */
  recordEvery: count.default(20),
  /** kNN evaluation of the encoder at the end, where the data has labels. */
  evaluate: z.boolean().default(true),
});
export type RunConfig = z.output<typeof runConfigSchema>;
export type RunConfigInput = z.input<typeof runConfigSchema>;

/**
 * Checks a configuration and fills in defaults.
 *
 * @param source who gave it, for messages. @throws SslError `BAD_OPTION` listing every problem; an unknown key suggests the nearest.
 */
export function parseConfig(input: unknown, source: string): RunConfig {
  const result = runConfigSchema.safeParse(input);
  if (result.success) return result.data;
  throw new SslError('BAD_OPTION', result.error.issues.flatMap((issue) => explain(issue, source)).join('\n'));
}

function explain(issue: z.core.$ZodIssue, source: string): string[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => {
      const near = nearest(key, Object.keys(runConfigSchema.shape));
      const advice = near === undefined ? '' : `; did you mean ${near}?`;
      return `${source}: ${key} is not an option${advice}`;
    });
  }
  const path = issue.path.join('.');
  return [`${source}: ${path === '' ? 'the configuration' : path}: ${issue.message}`];
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
  const value: unknown = parseYaml(setting.slice(equals + 1));
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
  const methods = (config.methods ?? []) as unknown[];
  const index = methods.findIndex((m) => asPart(m, 'methods', setting).name === first);
  if (index === -1)
    throw new SslError('USAGE', `--set ${setting}: ${first} is neither an option nor one of the methods.`);
  config.methods = methods.map((m, i) => (i === index ? { ...asPart(m, 'methods', setting), [option]: value } : m));
}

function asPart(value: unknown, name: string, setting: string): Record<string, unknown> {
  if (typeof value === 'string') return { name: value };
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  const fallback: Record<string, Record<string, unknown>> = { host: { name: 'moco' }, backbone: { name: 'resnet18' } };
  if (value === undefined && fallback[name] !== undefined) return fallback[name];
  throw new SslError('USAGE', `--set ${setting}: name the ${name} first, for example --${name} NAME.`);
}
