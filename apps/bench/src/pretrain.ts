import { createLoader } from '@contrastive/augment/loader';
import { describeError, SslError, Trainer } from '@contrastive/core';
import type { ImageSet } from '@contrastive/data';
import { openBackend } from './backend.js';
import {
  makeBackbone,
  makeHost,
  makeMethod,
  makeOptimizer,
  makeRecipes,
  makeSchedule,
  normalizationOf,
} from './catalogue.js';
import { parseConfig, type RunConfig } from './config.js';
import { defaultsFor } from './defaults.js';
import { saveEncoder } from './encoder-file.js';
import { readJson } from './files.js';
import { openData } from './image-data.js';
import type { ProgressOutput } from './progress.js';
import { RunFolder } from './run-folder.js';
import { type LoopStep, trainingLoop } from './training-loop.js';

export interface PretrainOptions {
  readonly config: RunConfig;
  /** Run folder. */
  readonly out: string;
  /** Go on from the folder's newest whole checkpoint. */
  readonly resume: boolean;
  readonly output: ProgressOutput;
  readonly signal: AbortSignal;
}

/** `summary.json`. */
export interface RunSummary {
  readonly status: 'done' | 'stopped';
  readonly run: string;
  readonly steps: number;
  readonly epochs: number;
  /** Mean loss of the last epoch, NaN-free; null before an epoch has ended. */
  readonly loss: number | null;
  /** Of this process, with data and checkpoints, without evaluation. */
  readonly seconds: number;
  readonly imagesPerSecond: number;
  readonly peakMemoryMb: number;
  readonly backend: string;
  readonly images: number;
  readonly skippedImages: number;
}

/** Parts of a run that were made and checked before anything is written. */
interface Parts {
  readonly config: RunConfig;
  readonly trainer: Trainer;
  readonly images: ImageSet;
  readonly backend: string;
}

/**
 * Pretrains an encoder and writes a run folder. Everything is checked before the folder is made.
 *
 * @throws SslError for whatever is wrong with configuration, data or disk; the last checkpoint stays usable.
 */
export async function pretrain(options: PretrainOptions): Promise<RunSummary> {
  const { out, resume, output } = options;
  const parts = await assemble(options);
  const { trainer } = parts;
  try {
    const folder = RunFolder.open(out, { resume });
    try {
      if (resume) await restore(folder, trainer, output);
      else folder.writeJson('config.json', parts.config);
      return await train(options, parts, folder);
    } finally {
      folder.close();
    }
  } finally {
    output.end();
    trainer.dispose();
    await parts.images.close();
  }
}

async function assemble({ config, output }: PretrainOptions): Promise<Parts> {
  const { side, batch, accumulate, epochs, seed } = config;
  const { runtime, description, notice } = await openBackend(config);
  if (notice !== undefined) output.message(notice);
  const images = await openData(config, output);
  try {
    const backbone = makeBackbone(config.backbone, side);
    const defaults = defaultsFor(config, images.count, backbone.channels);
    const stepsPerEpoch = Math.floor(images.count / (batch * accumulate));
    if (stepsPerEpoch === 0) throw tooFewImages(images.count, batch, accumulate);
    const optimizer = makeOptimizer(config.optimizer ?? defaults.optimizer);
    const trainer = new Trainer({
      host: makeHost(defaults.host, backbone),
      plugins: config.methods.map(makeMethod),
      optimizer,
      schedule: makeSchedule(optimizer.learningRate, config.schedule ?? defaults.schedule),
      recipes: makeRecipes(config.recipe ?? defaults.recipe, normalizationOf(config.normalization)),
      ...{ batch, accumulate, side, epochs, stepsPerEpoch, seed, runtime },
    });
    return { config, trainer, images, backend: description };
  } catch (error) {
    await images.close();
    throw error;
  }
}

const tooFewImages = (count: number, batch: number, accumulate: number) =>
  new SslError('DATA', `There are ${count} images, fewer than one step of ${batch * accumulate}.`, {
    hint: `Use --batch ${Math.max(2, 2 ** Math.floor(Math.log2(Math.max(2, count))))} or smaller, or more images.`,
  });

async function restore(folder: RunFolder, trainer: Trainer, output: ProgressOutput): Promise<void> {
  const checkpoint = folder.loadCheckpoint();
  if (checkpoint === undefined) {
    output.message('There is no checkpoint yet; starting from the beginning.');
    return;
  }
  for (const damage of checkpoint.damaged) output.message(`Passed over a damaged checkpoint: ${damage}`);
  await trainer.restore(checkpoint.snapshot);
  folder.rewindLog(trainer.stepsDone);
  output.message(`Going on after step ${trainer.stepsDone}.`);
}

async function train(options: PretrainOptions, parts: Parts, folder: RunFolder): Promise<RunSummary> {
  const { output, signal } = options;
  const { config, trainer, images, backend } = parts;
  const loader = await createLoader({
    ...{ source: images, views: trainer.plan, side: config.side, batch: config.batch },
    ...{ seed: config.seed, workers: config.workers },
  });
  const started = performance.now();
  let loss: number | null = null;
  let saved = -1;
  const save = async () => {
    if (saved === trainer.stepsDone) return;
    folder.saveCheckpoint(await trainer.snapshot(), config.keepCheckpoints);
    saved = trainer.stepsDone;
  };
  const startStep = trainer.stepsDone;
  try {
    const complete = await trainingLoop({
      ...{ trainer, loader, signal, batch: config.batch, accumulate: config.accumulate },
      recordEvery: config.recordEvery,
      onStep: (step) => {
        folder.log(recordOf(step));
        output.update(step.progress);
      },
      onEpoch: async (last, meanLoss) => {
        loss = meanLoss;
        if (last.info.epoch % config.checkpointEvery === 0) await save();
        output.epoch({ ...last.progress, loss: meanLoss }, '');
      },
    });
    await save();
    const seconds = (performance.now() - started) / 1000;
    const done = trainer.stepsDone - startStep;
    const summary: RunSummary = {
      status: complete ? 'done' : 'stopped',
      run: folder.path,
      steps: trainer.stepsDone,
      epochs: trainer.stepInfo(Math.max(0, trainer.stepsDone - 1)).epoch,
      loss,
      seconds,
      imagesPerSecond: (done * config.batch * config.accumulate) / seconds,
      peakMemoryMb: Math.round(process.resourceUsage().maxRSS / 1024),
      backend,
      images: images.count,
      skippedImages: images.skipped.length,
    };
    await writeEncoder(folder, config, trainer);
    folder.writeJson('summary.json', summary);
    return summary;
  } finally {
    await loader.close();
  }
}

const recordOf = ({ step, info, learningRate, metrics, stepMs, waitMs }: LoopStep) => ({
  step,
  epoch: info.epoch,
  time: new Date().toISOString(),
  learningRate,
  ...metrics,
  stepMs: Number(stepMs.toFixed(2)),
  waitMs: Number(waitMs.toFixed(2)),
});

async function writeEncoder(folder: RunFolder, config: RunConfig, trainer: Trainer): Promise<void> {
  const prefix = 'online/backbone/';
  const { tensors } = await trainer.snapshot();
  const weights = Object.fromEntries(
    Object.entries(tensors)
      .filter(([path]) => path.startsWith(prefix))
      .map(([path, tensor]) => [path.slice(prefix.length), tensor]),
  );
  const { mean, std } = Object.values(trainer.plan)[0]!;
  saveEncoder(
    `${folder.path}/encoder.safetensors`,
    { backbone: config.backbone, side: config.side, mean, std },
    weights,
  );
}

/** Configuration of a run folder, for `--resume`. @throws SslError `IO`, `BAD_OPTION`. */
export function configOfRun(out: string): RunConfig {
  const path = `${out}/config.json`;
  try {
    return parseConfig(readJson(path), path);
  } catch (error) {
    if (!(error instanceof SslError) || error.code !== 'IO') throw error;
    throw new SslError('IO', `${out} holds no run to go on with: ${describeError(error)}`, { cause: error });
  }
}
