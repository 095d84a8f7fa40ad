import type { Batch as LoadedBatch, Loader } from '@contrastive/augment/loader';
import type { StepReport, Trainer } from '@contrastive/core';
import type { Progress } from './progress.js';

/** What the loop reports, besides what the trainer's step gives. */
export interface LoopStep extends StepReport {
  readonly progress: Progress;
  /** Milliseconds of the step itself and of waiting for its data. */
  readonly stepMs: number;
  readonly waitMs: number;
}

export interface LoopOptions {
  readonly trainer: Trainer;
  readonly loader: Loader;
  readonly accumulate: number;
  /** Images per micro-batch, of all workers together. */
  readonly batch: number;
  /** Full metrics every so many steps. */
  readonly recordEvery: number;
  /** Losses of the steps of the first epoch that were done before, by an earlier process. */
  readonly earlierLosses: readonly number[];
  /** Whether the run stops after the step that was just done. @param stepsDone steps done. */
  shouldStop(stepsDone: number): boolean | Promise<boolean>;
  onStep(step: LoopStep): void | Promise<void>;
  /** After the last step of an epoch. @param meanLoss over all of the epoch's steps. */
  onEpoch(last: LoopStep, meanLoss: number): void | Promise<void>;
}

/**
 * Trains from where the trainer stands to the end of the last epoch.
 *
 * @returns true if the run is complete, false if it was stopped.
 */
export async function trainingLoop(options: LoopOptions): Promise<boolean> {
  const { trainer, loader, accumulate } = options;
  const clock = new Clock(options);
  let losses = [...options.earlierLosses];
  const { epochs, stepsPerEpoch } = trainer.stepInfo();
  while (trainer.stepsDone < epochs * stepsPerEpoch) {
    const { epoch, step } = trainer.stepInfo();
    const startAt = (step - (epoch - 1) * stepsPerEpoch) * accumulate;
    let micro: LoadedBatch[] = [];
    let last: LoopStep | undefined;
    for await (const batch of loader.epoch(epoch, { startAt })) {
      micro.push(batch);
      if (micro.length < accumulate) continue;
      last = await oneStep(options, clock, micro);
      micro = [];
      if (Number.isFinite(last.metrics.loss)) losses.push(last.metrics.loss!); // not of a skipped step
      await options.onStep(last);
      if (await options.shouldStop(trainer.stepsDone)) return false;
      if (last.progress.step === stepsPerEpoch) break; // batches that do not fill an accumulated step are left out
    }
    for (const batch of micro) batch.release();
    if (last !== undefined) await options.onEpoch(last, mean(losses));
    losses = [];
  }
  return true;
}

/** NaN of no values. */
export const mean = (values: readonly number[]): number => values.reduce((sum, v) => sum + v, 0) / values.length;

async function oneStep(
  { trainer, recordEvery }: LoopOptions,
  clock: Clock,
  batches: readonly LoadedBatch[],
): Promise<LoopStep> {
  const started = performance.now();
  const record = trainer.stepsDone % recordEvery === 0;
  let report: StepReport;
  try {
    report = await trainer.step(batches, { record });
  } finally {
    for (const batch of batches) batch.release();
  }
  const stepMs = performance.now() - started;
  const waitMs = batches.reduce((total, b) => total + b.waitMs, 0);
  return { ...report, stepMs, waitMs, progress: clock.advance(report, stepMs, waitMs) };
}

/** Speed and time left, from the steps of this process; the first (which records the graph) counts for the time left only until the second. */
class Clock {
  #steps = 0;
  #ms = 0;
  #waitMs = 0;

  constructor(readonly options: LoopOptions) {}

  advance({ info, step, learningRate, metrics }: StepReport, stepMs: number, waitMs: number): Progress {
    if (this.#steps === 1) [this.#ms, this.#waitMs] = [0, 0];
    const counted = Math.max(1, this.#steps);
    this.#steps++;
    this.#ms += stepMs + waitMs;
    this.#waitMs += waitMs;
    const { batch, accumulate } = this.options;
    const perStep = this.#ms / counted;
    const left = info.epochs * info.stepsPerEpoch - step;
    return {
      epoch: info.epoch,
      epochs: info.epochs,
      step: step - (info.epoch - 1) * info.stepsPerEpoch,
      steps: info.stepsPerEpoch,
      loss: metrics.loss!,
      learningRate,
      imagesPerSecond: (1000 * batch * accumulate) / perStep,
      dataWait: this.#waitMs / this.#ms,
      secondsLeft: (left * perStep) / 1000,
    };
  }
}
