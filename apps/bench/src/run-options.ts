import { isDeepStrictEqual } from 'node:util';
import { SslError } from '@contrastive/core';
import { applySetting, parseConfig, type RunConfig, type RunConfigInput, readConfigFile } from './config.js';
import { presetConfig } from './defaults.js';
import { readJson } from './files.js';

/** Fields that may differ when a run is resumed: they say how it is computed and kept, not what is computed. */
const FREE: ReadonlySet<string> = new Set<keyof RunConfig>([
  'cache',
  'maxUnreadable',
  'mode',
  'backend',
  'device',
  'xla',
  'threads',
  'workers',
  'workerTimeout',
  'viewWorkers',
  'augment',
  'checkpointEvery',
  'keepCheckpoints',
  'recordEvery',
  'bestBy',
  'bestGoal',
  'evaluate',
]);

/** What a command line says about the configuration. */
export interface ConfigFlags {
  /** Fields of the configuration that were given. */
  readonly fields: Partial<RunConfigInput>;
  /** YAML or JSON file. */
  readonly config?: string | undefined;
  /** Published recipe of the host, `source/data`. */
  readonly preset?: string | undefined;
  /** `path=value`, each. */
  readonly settings: readonly string[];
}

/**
 * Configuration of a new run: defaults < preset < file < flags < --set.
 *
 * @param base an earlier configuration, in place of the defaults. @throws SslError `BAD_OPTION`, `USAGE`, `IO`.
 */
export function toConfig(
  { fields, config: file, preset, settings }: ConfigFlags,
  base: Partial<RunConfig> = {},
): RunConfig {
  const given: Record<string, unknown> = { ...(file === undefined ? {} : readConfigFile(file)), ...fields };
  const merged = { ...base, ...(preset === undefined ? given : overPreset(preset, given)) };
  for (const setting of settings) applySetting(merged, setting);
  if (merged.data === undefined) {
    throw new SslError('USAGE', 'No images were named.', {
      hint: 'Give --data DIR, or --data cifar10-mini for the embedded ones.',
    });
  }
  const flagOf = (field: string) => `--${field.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
  return parseConfig(merged, (field) => {
    if (settings.some((setting) => setting.split(/[.=]/)[0] === field)) return '--set';
    return field in fields || file === undefined ? flagOf(field) : file;
  });
}

/** A preset with what was given on top; options of the host and of the backbone are added to the preset's. */
function overPreset(preset: string, given: Record<string, unknown>): Record<string, unknown> {
  const asPart = (value: unknown) =>
    typeof value === 'string' ? { name: value } : (value as { name: string } | undefined);
  const host = asPart(given.host) ?? { name: 'moco' };
  const published = presetConfig(preset, host.name) as Record<'host' | 'backbone', { name: string }>;
  const backbone = asPart(given.backbone);
  const sameBackbone = backbone === undefined || backbone.name === published.backbone.name;
  return {
    ...published,
    ...given,
    host: { ...published.host, ...host },
    backbone: sameBackbone ? { ...published.backbone, ...backbone } : backbone,
  };
}

/**
 * Configuration for going on with the run in `out`. Flags may repeat what the run was started with, and change what does not change
 * its result.
 *
 * @throws SslError `IO` if there is no run; `USAGE` that lists what the flags would change.
 */
export function toResumeConfig(out: string, flags: ConfigFlags): RunConfig {
  const recorded = configOfRun(out);
  const wanted = toConfig(flags, recorded);
  const changed = (Object.keys({ ...recorded, ...wanted }) as (keyof RunConfig)[]).filter(
    (field) => !FREE.has(field) && !isDeepStrictEqual(recorded[field], wanted[field]),
  );
  if (changed.length === 0) return wanted;
  const list = changed.map((f) => `${f} is ${JSON.stringify(recorded[f])} there, ${JSON.stringify(wanted[f])} here`);
  throw new SslError('USAGE', `The run in ${out} has another configuration: ${list.join('; ')}.`, {
    hint: 'Leave these options out to go on with that run, or give another --out.',
  });
}

function configOfRun(out: string): RunConfig {
  const path = `${out}/config.json`;
  let recorded: unknown;
  try {
    recorded = readJson(path);
  } catch (error) {
    if (!(error instanceof SslError) || error.code !== 'IO') throw error;
    throw new SslError('IO', `${out} holds no run to go on with: ${error.message}`, {
      hint: 'Check --out, or start a run without --resume.',
      cause: error,
    });
  }
  return parseConfig(recorded, () => path);
}
