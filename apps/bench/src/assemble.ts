import { deviceViews } from '@contrastive/augment/device';
import { createLoader, type Loader } from '@contrastive/augment/loader';
import {
  ALONE,
  type Collective,
  compose,
  Rng,
  type Runtime,
  SslError,
  Trainer,
  type ViewPlan,
} from '@contrastive/core';
import type { ImageSet } from '@contrastive/data';
import { compiledRuntime, joinCluster } from '@contrastive/engine';
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
import { deviceRoom } from './device-room.js';
import { openData } from './image-data.js';
import type { ProgressOutput } from './progress.js';
import { recorders } from './recording.js';
import type { Cluster } from './workers/cluster.js';
import { createTeam, SOLO, type Team } from './workers/team.js';

/** Parts of a run, made and checked before anything is written. */
export interface Parts {
  readonly config: RunConfig;
  readonly trainer: Trainer;
  readonly images: ImageSet;
  /** For people and records. */
  readonly backend: string;
  readonly team: Team;
}

/** @throws SslError for whatever of the configuration, the data or the backend does not fit together. */
export async function assemble(config: RunConfig, output: ProgressOutput, cluster?: Cluster): Promise<Parts> {
  checkNames(config);
  if (cluster !== undefined) checkShared(config, cluster.workers.length);
  const { runtime, description, notice } = await openBackend(config);
  if (notice !== undefined) output.message(notice);
  const images = await openData(config, output);
  try {
    const { collective, team, ...own } = cluster === undefined ? ONE_PROCESS : await join(config, cluster);
    const trainer = makeTrainer(config, images, { runtime, ...own, collective });
    return { config, trainer, images, backend: description, team };
  } catch (error) {
    await images.close();
    throw error;
  }
}

const ONE_PROCESS = { collective: ALONE, team: SOLO };

/** Waits for the other workers. @throws SslError `CLUSTER` if they do not appear. */
async function join({ precision, xla, threads, workerTimeout: timeoutSeconds }: RunConfig, cluster: Cluster) {
  const joined = await joinCluster({ ...cluster, threads, timeoutSeconds, joinTimeoutSeconds: timeoutSeconds });
  const runtime = compiledRuntime({ precision, xla, cluster: joined });
  const { collective } = joined;
  return { collective, runtime, team: createTeam(collective, runtime) };
}

/** What several workers cannot share. @throws SslError `BAD_OPTION`. */
export function checkShared({ batch, backend, mode }: RunConfig, workers: number): void {
  if (batch % workers !== 0) {
    const near = workers * Math.max(1, Math.round(batch / workers));
    throw new SslError('BAD_OPTION', `batch is ${batch}, which ${workers} workers cannot share evenly.`, {
      hint: `It counts the images of all workers together: use --batch ${near}, for example.`,
    });
  }
  if (backend === 'wasm' || mode === 'eager') {
    throw new SslError('BAD_OPTION', `${workers} workers need TensorFlow and compiled steps.`, {
      hint: 'Leave out --backend wasm and --mode eager, or train in one process.',
    });
  }
}

/** This worker's part of every batch. */
export function openLoader({ config, trainer, images, team }: Parts): Promise<Loader> {
  const { side, batch, seed, viewWorkers: workers } = config;
  const share = { batch: batch / team.size, rank: team.rank, world: team.size };
  const device = deviceRoom(config, images);
  return createLoader({ source: images, views: trainer.plan, side, seed, workers, device, ...share });
}

/** Misspelt names and options are found before images are read. @throws SslError `BAD_OPTION`. */
function checkNames(config: RunConfig): void {
  makeHost(config.host, makeBackbone(config.backbone, config.side));
  for (const method of config.methods) makeMethod(method);
  const normalization = normalizationOf(config.normalization);
  if (config.recipe !== undefined) makeRecipes(config.recipe, normalization);
}

function makeTrainer(
  config: RunConfig,
  set: ImageSet,
  shared: { readonly runtime: Runtime; readonly collective: Collective },
): Trainer {
  const { side, batch, accumulate, epochs, seed } = config;
  const images = set.count;
  const stepsPerEpoch = Math.floor(images / (batch * accumulate));
  if (stepsPerEpoch === 0) throw tooFewImages(config, images);
  const { defaults, ...parts } = partsOf(config, images);
  const optimizer = makeOptimizer(overlay(defaults.optimizer, config.optimizer));
  const schedule = makeSchedule(optimizer.learningRate, overlay(defaults.schedule, config.schedule));
  const room = deviceRoom(config, set);
  const share = batch / shared.collective.size;
  const viewMaker = room && ((plan: ViewPlan) => deviceViews(plan, { batch: share, side, ...room }));
  try {
    return new Trainer({
      ...parts,
      plugins: [...parts.plugins, ...probeOf(config, set)],
      optimizer,
      schedule,
      ...{ batch, accumulate, side, epochs, stepsPerEpoch, seed, ...shared },
      viewMaker,
      batchNorm: config.batchNorm,
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
