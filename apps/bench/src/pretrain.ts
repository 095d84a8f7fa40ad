import type { Loader } from '@contrastive/augment/loader';
import { checkFinite, SslError, type Trainer } from '@contrastive/core';
import type { SkippedImage } from '@contrastive/data';
import { RecordLog } from '@contrastive/report';
import { assemble, openLoader, type Parts } from './assemble.js';
import type { RunConfig } from './config.js';
import { saveEncoder } from './encoder-file.js';
import type { Interrupt } from './interrupt.js';
import type { ProgressOutput } from './progress.js';
import { StepWriter } from './recording.js';
import { restoreTrainer } from './restore.js';
import { withRollbacks } from './rollback.js';
import { type BestCheckpoint, RunFolder } from './run-folder.js';
import { mean, trainingLoop } from './training-loop.js';
import type { Cluster } from './workers/cluster.js';
import { howToGoOn } from './workers/ended.js';
import { tellLauncher } from './workers/launched.js';

export interface PretrainOptions {
  readonly config: RunConfig;
  /** Run folder. */
  readonly out: string;
  /** Go on from the folder's newest whole checkpoint. */
  readonly resume: boolean;
  readonly output: ProgressOutput;
  /** Armed when training begins: before, there is nothing to save. */
  readonly interrupt: Interrupt;
  /** The processes that train together; missing: this one alone. */
  readonly cluster?: Cluster | undefined;
}

/** `summary.json`. */
export interface RunSummary {
  readonly status: 'done' | 'stopped';
  readonly run: string;
  readonly steps: number;
  /** Epochs begun. */
  readonly epochs: number;
  /** Mean loss of the last whole epoch; null before one has ended. */
  readonly loss: number | null;
  /** The checkpoint with the best mean of `bestBy` over an epoch; missing before one has ended. */
  readonly best?: BestCheckpoint;
  /** Of this process, with data and checkpoints, without evaluation. */
  readonly seconds: number;
  readonly imagesPerSecond: number;
  /** Of this process. */
  readonly peakMemoryMb: number;
  readonly backend: string;
  /** Training processes. */
  readonly workers: number;
  readonly images: number;
  readonly skippedImages: number;
  /** The images that could not be used, and why. */
  readonly skipped: readonly SkippedImage[];
}

/**
 * Pretrains an encoder and writes a run folder; of several workers this is rank 0, the others {@link follow}. Everything is checked before the folder is made; a run that fails before its first
 * step leaves nothing behind.
 *
 * @throws SslError for whatever is wrong with configuration, data or disk; the last checkpoint stays usable.
 */
export async function pretrain(options: PretrainOptions): Promise<RunSummary> {
  const { config, out, resume, output, interrupt, cluster } = options;
  RunFolder.check(out, { resume });
  const parts = await assemble(config, output, cluster);
  try {
    const folder = RunFolder.open(out, { resume });
    try {
      if (resume) {
        warnOfOtherImages(folder, parts.images.fingerprint, output);
        await restore(folder, parts.trainer, output);
      } else {
        folder.writeJson('config.json', config);
        folder.writeJson(DATA, { fingerprint: parts.images.fingerprint });
      }
      interrupt.arm();
      return await train(options, parts, folder);
    } catch (error) {
      if (!resume && !folder.hasSteps) folder.discard();
      throw error;
    } finally {
      folder.close();
    }
  } finally {
    interrupt.dispose();
    output.end();
    parts.trainer.dispose();
    await parts.images.close();
  }
}

const DATA = 'data.json';

/** A run over other images goes on, but does not equal an uninterrupted one. */
function warnOfOtherImages(folder: RunFolder, fingerprint: string, output: ProgressOutput): void {
  const begun = folder.readJson(DATA) as { readonly fingerprint?: string } | undefined;
  if (begun === undefined || begun.fingerprint === fingerprint) return;
  output.message(
    'The images are not those that this run began with: what follows is another run than it would have been.',
  );
}

async function restore(folder: RunFolder, trainer: Trainer, output: ProgressOutput): Promise<void> {
  const restored = await restoreTrainer(folder, trainer, output);
  if (!restored) output.message('There is no checkpoint yet; starting from the beginning.');
  folder.rewindLog(trainer.stepsDone);
  folder.rewindBest(trainer.stepsDone);
  new RecordLog(folder.path).rewind(trainer.stepsDone);
}

async function train(options: PretrainOptions, parts: Parts, folder: RunFolder): Promise<RunSummary> {
  const { config, trainer, team } = parts;
  const loader = await openLoader(parts);
  const started = performance.now();
  const startStep = trainer.stepsDone;
  const saver = new CheckpointSaver(folder, trainer, config);
  const run = () => trainOn(options, parts, folder, loader, saver);
  try {
    const complete = await withRollbacks(config, trainer, options.output, run, () => {
      if (folder.checkpointPaths().length === 0) return Promise.resolve(false);
      return restore(folder, trainer, options.output).then(() => true);
    });
    await team.leave();
    await tellLauncher({ kind: 'trained' });
    await saver.save();
    await writeEncoder(folder, config, trainer);
    const seconds = (performance.now() - started) / 1000;
    const trained = (trainer.stepsDone - startStep) * config.batch * config.accumulate;
    const status = complete ? 'done' : 'stopped';
    const loss = lastEpochLoss(folder, trainer);
    const summary = { status, run: folder.path, loss, ...figures(parts, seconds, trained) } as const;
    const best = folder.best();
    const whole = best === undefined ? summary : { ...summary, best };
    folder.writeJson('summary.json', whole);
    return whole;
  } catch (error) {
    throw withCheckpoint(error, folder);
  } finally {
    await loader.close();
  }
}

/** Trains to the end or to a signal, with log, records and checkpoints. @returns true if the run is complete. */
async function trainOn(
  { output, interrupt }: PretrainOptions,
  { config, trainer, team }: Parts,
  folder: RunFolder,
  loader: Loader,
  saver: CheckpointSaver,
): Promise<boolean> {
  const writer = new StepWriter(folder, trainer, config);
  const ended = trainingLoop({
    ...{ trainer, loader, batch: config.batch, accumulate: config.accumulate },
    shouldStop: (stepsDone) => team.agreeToStop(interrupt.signal.aborted, stepsDone),
    recordEvery: config.recordEvery,
    earlierLosses: folder.valuesOf(trainer.stepInfo().epoch, 'loss'),
    onStep: (step) => {
      writer.take(step);
      output.update(step.progress);
    },
    onEpoch: async (last, meanLoss) => {
      writer.flush();
      const { epoch } = last.info;
      if (epoch % config.checkpointEvery === 0) await saver.save(epoch);
      output.epoch({ ...last.progress, loss: meanLoss });
    },
  });
  return ended.finally(() => writer.flush());
}

/** Writes checkpoints of a run, none twice and none of a diverged state. */
class CheckpointSaver {
  #saved = -1;

  constructor(
    readonly folder: RunFolder,
    readonly trainer: Trainer,
    readonly config: RunConfig,
  ) {}

  /** @param epoch the epoch that has just ended, if one has: then the checkpoint may be the best. */
  async save(epoch?: number): Promise<void> {
    const { folder, trainer, config } = this;
    if (this.#saved === trainer.stepsDone) return;
    const snapshot = await trainer.snapshot();
    checkFinite(snapshot);
    const { keepCheckpoints, bestBy: metric, bestGoal: goal } = config;
    const values = epoch === undefined ? [] : folder.valuesOf(epoch, metric);
    folder.saveCheckpoint(
      snapshot,
      keepCheckpoints,
      values.length === 0 ? undefined : { metric, goal, value: mean(values) },
    );
    this.#saved = trainer.stepsDone;
  }
}

const figures = ({ trainer, images, backend, team }: Parts, seconds: number, trained: number) => ({
  steps: trainer.stepsDone,
  epochs: trainer.stepsDone === 0 ? 0 : trainer.stepInfo(trainer.stepsDone - 1).epoch,
  seconds,
  imagesPerSecond: trained / seconds,
  peakMemoryMb: Math.round(process.resourceUsage().maxRSS / 1024),
  backend,
  workers: team.size,
  images: images.count,
  skippedImages: images.skipped.length,
  skipped: images.skipped,
});

/** Mean loss of the last epoch that has ended, from the log. */
function lastEpochLoss(folder: RunFolder, trainer: Trainer): number | null {
  const losses = folder.valuesOf(trainer.stepInfo().epoch - 1, 'loss');
  return losses.length === 0 ? null : mean(losses);
}

/** What a run that diverged, or lost a worker, has left to go back to. */
function withCheckpoint(error: unknown, folder: RunFolder): unknown {
  if (!(error instanceof SslError)) return error;
  if (error.code === 'WORKER_LOST') {
    return new SslError(error.code, error.message, { hint: howToGoOn(folder.path), cause: error });
  }
  if (error.code !== 'NOT_FINITE') return error;
  const [newest] = folder.checkpointPaths();
  const left = newest === undefined ? 'no checkpoint had been written yet' : `the last good checkpoint is ${newest}`;
  return new SslError(error.code, error.message, {
    hint: `Lower the learning rate (--lr), add warm-up, or use --precision f32, with another --out; ${left}.`,
    cause: error,
  });
}

async function writeEncoder(folder: RunFolder, config: RunConfig, trainer: Trainer): Promise<void> {
  const prefix = 'online/backbone/';
  const { tensors } = await trainer.snapshot();
  const weights = Object.fromEntries(
    Object.entries(tensors)
      .filter(([path]) => path.startsWith(prefix))
      .map(([path, tensor]) => [path.slice(prefix.length), tensor]),
  );
  const { mean: channelMean, std } = Object.values(trainer.plan)[0]!;
  const meta = { backbone: config.backbone, side: config.side, mean: channelMean, std };
  saveEncoder(`${folder.path}/encoder.safetensors`, meta, weights);
}
