import { nearest, SslError } from '@contrastive/core';
import { z } from 'zod';
import { readConfigFile, runConfigSchema } from '../config.js';
import { BASELINES } from '../evaluation/evaluate-encoder.js';
import { protocolOf } from '../evaluation/protocols.js';

const part = z.union([
  z
    .string()
    .min(1)
    .transform((name) => ({ name })),
  z.looseObject({ name: z.string().min(1) }),
]);
const oneOrMore = <T extends z.ZodType>(item: T) =>
  z.union([item.transform((one) => [one]), z.array(item).min(1)]) as z.ZodType<
    z.output<T>[],
    z.input<T> | z.input<T>[]
  >;

/** `none`, `reco`, `reco+ft`, `{ name: reco, lambda1: 2 }`, or a list of parts: the methods of one row. */
const methods = z.union([
  z
    .string()
    .min(1)
    .transform((text) => (text === 'none' ? [] : text.split('+').map((name) => ({ name: name.trim() })))),
  z.looseObject({ name: z.string().min(1) }).transform((one) => [one]),
  z.array(part),
]);

/** Fields of a run that the grid itself sets. */
const GRID_FIELDS = ['data', 'host', 'methods', 'backbone', 'seed', 'evaluate'] as const;

/** What a grid file may say. */
export const gridSchema = z.strictObject({
  /** Title of the tables. */
  name: z.string().min(1),
  /** What it is for and how long it takes; shown by `--list`. */
  about: z.string().default(''),
  /** Image folders, archives or `cifar10-mini`. */
  data: oneOrMore(z.string().min(1)),
  /** Labels from a CSV file instead of folders. */
  labels: z.string().min(1).optional(),
  host: oneOrMore(part).default([{ name: 'moco' }]),
  /** Rows of the tables for each host; `none` is the host alone, what the others are compared with. */
  methods: z.array(methods).min(1),
  backbone: oneOrMore(part).default([{ name: 'resnet18' }]),
  /** Each is a run; 3 or more for a claim. */
  seeds: z.array(z.int().min(0)).min(1).default([1, 2, 3]),
  /** Published recipe of the host, `source/data`. */
  preset: z.string().min(1).optional(),
  /** Any other fields of a run: epochs, batch, side, optimizer, … */
  settings: z.looseObject({}).default({}),
  protocols: z.array(z.string().min(1)).min(1).default(['knn', 'logistic']),
  baselines: z.array(z.enum(BASELINES)).default([...BASELINES]),
  supervisedEpochs: z.int().positive().optional(),
  /** Stratified samples for the evaluation. */
  trainImages: z.int().positive().optional(),
  testImages: z.int().positive().optional(),
  budget: z
    .strictObject({
      /** Of one call: no run begins after it, and the one under way is stopped with a checkpoint. */
      hours: z.number().positive().optional(),
      /** Of one run; a longer one counts as failed. */
      minutesPerRun: z.number().positive().optional(),
      /** Resident memory of a run; a larger one is ended and counts as failed. */
      memoryGb: z.number().positive().optional(),
    })
    .default({}),
});
export type Grid = z.output<typeof gridSchema>;

/**
 * Reads and checks a grid.
 *
 * @throws SslError `IO`, `USAGE`, `BAD_OPTION` listing every problem; unknown keys suggest the nearest.
 */
export function readGrid(path: string, overrides: Readonly<Record<string, unknown>> = {}): Grid {
  return parseGrid({ ...readConfigFile(path), ...overrides }, path);
}

export function parseGrid(input: Readonly<Record<string, unknown>>, source: string): Grid {
  const result = gridSchema.safeParse(input);
  const problems = result.success
    ? contentProblems(result.data)
    : result.error.issues.flatMap((issue) => explain(issue));
  if (problems.length > 0) throw new SslError('BAD_OPTION', `${source}: ${problems.join('; ')}.`);
  return result.data!;
}

function explain(issue: z.core.$ZodIssue): string[] {
  const path = issue.path.join('.');
  if (issue.code === 'unrecognized_keys') {
    const known = path === 'budget' ? ['hours', 'minutesPerRun', 'memoryGb'] : Object.keys(gridSchema.shape);
    return issue.keys.map((key) => misspelt(path === '' ? key : `${path}.${key}`, key, known));
  }
  return [`${path === '' ? 'the grid' : path}: ${issue.message}`];
}

function misspelt(shown: string, key: string, known: readonly string[]): string {
  const near = nearest(key, known);
  return `${shown} is not an option; ${near === undefined ? `there are ${known.join(', ')}` : `did you mean ${near}?`}`;
}

/** What the shape alone does not show: names of protocols and of settings. */
function contentProblems({ settings, protocols, seeds }: Grid): string[] {
  const fields = Object.keys(runConfigSchema.shape).filter((f) => !(GRID_FIELDS as readonly string[]).includes(f));
  const problems = Object.keys(settings)
    .filter((key) => !fields.includes(key))
    .map((key) =>
      (GRID_FIELDS as readonly string[]).includes(key)
        ? `settings.${key}: the grid sets it; write it at the top`
        : misspelt(`settings.${key}`, key, fields),
    );
  for (const name of protocols) {
    try {
      protocolOf(name);
    } catch (error) {
      const { message, hint } = error as SslError;
      problems.push(`protocols: ${message.replace(/\.$/, '')}; ${hint?.replace(/\.$/, '')}`);
    }
  }
  if (new Set(seeds).size < seeds.length) problems.push('seeds: a seed is named twice');
  return problems;
}
