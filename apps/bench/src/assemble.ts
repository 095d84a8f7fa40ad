import { compose, Rng, type Runtime, SslError, Trainer } from '@contrastive/core';
import type { ImageSet } from '@contrastive/data';
import { onlineProbe } from '@contrastive/evaluate';
import * as tf from '@tensorflow/tfjs-core';
import { openBackend } from './backend.js';
import {
  makeBackbone,
  makeHost,
  makeMethod,
  makeOptimizer,
  makeRecipes,
  makeSchedule,
  names,
  normalizationOf,
} from './catalogue.js';
import type { Part, PartSettings, RunConfig } from './config.js';
import { defaultsFor } from './defaults.js';
import { openData } from './image-data.js';
import type { ProgressOutput } from './progress.js';
import { recorders } from './recording.js';

/** Parts of a run, made and checked before anything is written. */
export interface Parts {
  readonly config: RunConfig;
  readonly trainer: Trainer;
  readonly images: ImageSet;
  /** For people and records. */
  readonly backend: string;
}

/** @throws SslError for whatever of the configuration, the data or the backend does not fit together. */
export async function assemble(config: RunConfig, output: ProgressOutput): Promise<Parts> {
  checkNames(config);
  const { runtime, description, notice } = await openBackend(config);
  if (notice !== undefined) output.message(notice);
  const images = await openData(config, output);
  try {
    return { config, trainer: makeTrainer(config, images, runtime), images, backend: description };
  } catch (error) {
    await images.close();
    throw error;
  }
}

/** Misspelt names and options are found before images are read. @throws SslError `BAD_OPTION`. */
function checkNames(config: RunConfig): void {
  makeHost(config.host, makeBackbone(config.backbone, config.side));
  for (const method of config.methods) makeMethod(method);
  const normalization = normalizationOf(config.normalization);
  if (config.recipe !== undefined) makeRecipes(config.recipe, normalization);
}

function makeTrainer(config: RunConfig, set: ImageSet, runtime: Runtime): Trainer {
  const { side, batch, accumulate, epochs, seed } = config;
  const images = set.count;
  const stepsPerEpoch = Math.floor(images / (batch * accumulate));
  if (stepsPerEpoch === 0) throw tooFewImages(config, images);
  const { defaults, ...parts } = partsOf(config, images);
  const optimizer = makeOptimizer(overlay(defaults.optimizer, config.optimizer));
  const schedule = makeSchedule(optimizer.learningRate, overlay(defaults.schedule, config.schedule));
  try {
    return new Trainer({
      ...parts,
      plugins: [...parts.plugins, ...probeOf(config, set)],
      optimizer,
      schedule,
      ...{ batch, accumulate, side, epochs, stepsPerEpoch, seed, runtime },
      onDivergence: config.onDivergence === 'skip' ? 'skip' : 'stop',
      maxGradientNorm: config.maxGradientNorm,
    });
  } catch (error) {
    throw error instanceof SslError && error.code === 'INCOMPATIBLE' ? withHostsThatFit(error, config, images) : error;
  }
}

/** The linear probe that watches the run. @throws SslError `DATA` if it is asked for and there are no labels. */
function probeOf({ onlineProbe: isWanted, data }: RunConfig, { classNames }: ImageSet) {
  if (!isWanted) return [];
  if (classNames.length >= 2) return [onlineProbe({ classes: classNames.length })];
  throw new SslError('DATA', `${data} has no labels of at least two classes, which the online probe needs.`, {
    hint: 'Leave --online-probe out, or give class folders.',
  });
}

/** Options without a name, or with the default's, change the default; another part takes only what was given. */
const overlay = (usual: Part, given: PartSettings | undefined): Part =>
  given?.name === undefined || given.name === usual.name
    ? { ...usual, ...given, name: usual.name }
    : { ...given, name: given.name };

function partsOf(config: RunConfig, images: number) {
  const backbone = makeBackbone(config.backbone, config.side);
  const defaults = defaultsFor(config, images, backbone.channels);
  const recipes = makeRecipes(config.recipe ?? defaults.recipe, normalizationOf(config.normalization));
  return {
    defaults,
    host: makeHost(defaults.host, backbone),
    plugins: [...defaults.methods.map(makeMethod), ...recorders()],
    recipes,
  };
}

function tooFewImages({ data, batch, accumulate }: RunConfig, images: number): SslError {
  const [are, step] = [images === 1 ? 'is 1 image' : `are ${images} images`, batch * accumulate];
  const hint =
    images < 2
      ? 'Contrasting needs at least 2 images; hundreds for a useful encoder.'
      : `Use --batch ${2 ** Math.floor(Math.log2(images))} or smaller${accumulate > 1 ? ' without --accumulate' : ''}, or more images.`;
  return new SslError('DATA', `There ${are} in ${data}, fewer than one step of ${step}.`, { hint });
}

/** Adds which other hosts would take these methods, found by trying them; not if only this host's options are to blame. */
function withHostsThatFit(error: SslError, config: RunConfig, images: number): SslError {
  if (fits({ ...config, host: { name: config.host.name } }, images)) return error;
  const fitting = names.hosts.filter(
    (name) => name !== config.host.name && fits({ ...config, host: { name } }, images),
  );
  if (fitting.length === 0) return error;
  const hint = `${error.hint ?? ''} Hosts that fit: ${fitting.join(', ')} (--host).`.trim();
  return new SslError(error.code, error.message, { hint, cause: error });
}

function fits(config: RunConfig, images: number): boolean {
  try {
    const { host, plugins, recipes } = partsOf(config, images);
    const { batch, side, seed } = config;
    const { hostState, pluginStates } = compose({ host, plugins, recipes, batch, side, rng: Rng.create(seed) });
    tf.dispose([hostState, pluginStates]);
    return true;
  } catch (error) {
    if (error instanceof SslError) return false;
    throw error;
  }
}
