import type { AnyPlugin, Trainer } from '@contrastive/core';
import { scoreRecorder } from '@contrastive/ft';
import { type RecordedArray, RecordLog } from '@contrastive/report';
import type { RunConfig } from './config.js';
import { representationRecorder, spectrumOf } from './representation-recorder.js';
import type { LoopStep } from './training-loop.js';

/** What records every run: scores of the image-level term (W-MSE's has its own name) and the spread of the features. */
export const recorders = (): readonly AnyPlugin[] => [
  scoreRecorder({ terms: ['global', 'wmse'] }) as AnyPlugin,
  representationRecorder() as AnyPlugin,
];

/** NaN without labels: then it is left out. */
const PURITY = 'representation/purity';

/** Where lines of `metrics.jsonl` go. */
export interface StepSink {
  /** The run's folder. */
  readonly path: string;
  log(line: Readonly<Record<string, unknown>>): void;
}

/**
 * Writes down what steps gave, in their order, while the next step runs: a compiled step works on threads of its own, so spectra and
 * files cost the training nothing.
 */
export class StepWriter {
  readonly #records: RecordLog;
  readonly #waiting: { readonly step: LoopStep; readonly time: Date }[] = [];
  #turn: NodeJS.Immediate | undefined;
  #failure: { readonly error: unknown } | undefined;

  constructor(
    readonly sink: StepSink,
    readonly trainer: Trainer,
    readonly config: RunConfig,
  ) {
    this.#records = new RecordLog(sink.path);
  }

  /** Takes a step to be written soon. @throws what writing an earlier one threw. */
  take(step: LoopStep): void {
    this.#rethrow();
    this.#waiting.push({ step, time: new Date() });
    this.#turn ??= setImmediate(() => {
      try {
        this.flush();
      } catch (error) {
        this.#failure = { error };
      }
    });
  }

  /** Writes what waits, now. @throws SslError `IO`. */
  flush(): void {
    clearImmediate(this.#turn);
    this.#turn = undefined;
    this.#rethrow();
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      this.#write(next.step, next.time);
    }
  }

  #rethrow(): void {
    const failure = this.#failure;
    this.#failure = undefined;
    if (failure !== undefined) throw failure.error;
  }

  #write(step: LoopStep, time: Date): void {
    const { line, arrays } = stepLog(step, this.trainer, this.config, time);
    this.sink.log(line);
    if (Object.keys(arrays).length > 0) this.#records.append({ step: step.step, epoch: step.info.epoch, arrays });
  }
}

/** A line of `metrics.jsonl`, and the larger outputs of a recorded step for `RecordLog`. */
export interface StepLog {
  readonly line: Readonly<Record<string, unknown>>;
  /** Empty for steps that were not recorded. */
  readonly arrays: Readonly<Record<string, RecordedArray>>;
}

/**
 * Makes of a step what is kept of it. Every step: loss, learning rate, times, images per second. A recorded step also has the metrics of
 * host and methods, effective ranks, mean age of the queue's keys and resident memory.
 *
 * @param time when the step ended.
 */
export function stepLog(step: LoopStep, trainer: Trainer, config: RunConfig, time: Date): StepLog {
  const { info, learningRate, tensors, stepMs, waitMs } = step;
  const { [PURITY]: purity, ...others } = step.metrics;
  const metrics = purity === undefined || Number.isNaN(purity) ? others : step.metrics;
  const images = config.batch * config.accumulate;
  const line = {
    step: step.step,
    epoch: info.epoch,
    time: time.toISOString(),
    learningRate,
    ...metrics,
    stepMs: Number(stepMs.toFixed(2)),
    waitMs: Number(waitMs.toFixed(2)),
    imagesPerSecond: Number(((1000 * images) / (stepMs + waitMs)).toFixed(1)),
  };
  // A skipped step's features are not finite: there is nothing to measure.
  if (step.skipped || Object.keys(tensors).length === 0) return { line, arrays: {} };
  const { scalars, arrays } = digest(tensors, config.methods.length > 0);
  const age = queueAge(trainer, config, step.step - 1);
  const memoryMb = Math.round(process.memoryUsage().rss / 2 ** 20);
  return { line: { ...line, ...scalars, ...(age === undefined ? {} : { queueAge: age }), memoryMb }, arrays };
}

/** Grams become spectra and ranks. Without methods the host's own score rows are those that enter the loss: one copy is enough. */
function digest(tensors: LoopStep['tensors'], isEdited: boolean) {
  const scalars: Record<string, number> = {};
  const arrays: Record<string, RecordedArray> = {};
  for (const [name, tensor] of Object.entries(tensors)) {
    if (name.endsWith('/gram')) {
      const { effectiveRank, spectrum } = spectrumOf(tensor);
      scalars[name.replace(/gram$/, 'effectiveRank')] = effectiveRank;
      arrays[name.replace(/gram$/, 'spectrum')] = spectrum;
    } else if (isEdited || !name.endsWith('/raw/rows')) {
      arrays[name] = tensor;
    }
  }
  return { scalars, arrays };
}

/**
 * Mean age of the keys in a host's queue or support set, in steps, when the step after `done` others scores against them; undefined without a queue.
 * Rows from before the first step are random and do not count.
 */
function queueAge(trainer: Trainer, { batch, accumulate }: RunConfig, done: number): number | undefined {
  const { variables } = trainer;
  const queue = variables['host/queue'] ?? variables['host/queue/view1'] ?? variables['host/support'];
  if (queue === undefined) return undefined;
  const views = 'host/queue' in variables ? trainer.info.anchorViews.length : 1;
  const oldest = Math.min(done, queue.shape[0]! / (batch * accumulate * views));
  return (oldest + 1) / 2;
}
