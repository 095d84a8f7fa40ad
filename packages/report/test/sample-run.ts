// Run folders as `contrastive pretrain` writes them, with made-up numbers.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface SampleOptions {
  readonly steps?: number;
  readonly epochs?: number;
  readonly methods?: readonly string[];
  /** Deviation, effective rank, positive and negative mean that the run ends with. */
  readonly spread?: number;
  readonly rank?: number;
  readonly positive?: number;
  readonly isRunning?: boolean;
  readonly hasNegatives?: boolean;
}

/** When sample runs began; a step takes a quarter of a second. */
export const START = Date.UTC(2026, 0, 1);
const BINS = 50;
const EVERY = 4;

/** Lines of `metrics.jsonl` and `records.jsonl` of steps `from` … `to`. */
export function sampleLines(from: number, to: number, options: SampleOptions = {}) {
  const { epochs = 4, spread = 0.5, rank = 20, positive = 0.8, hasNegatives = true } = options;
  const steps = options.steps ?? 80;
  const metrics: string[] = [];
  const records: string[] = [];
  for (let step = from; step <= to; step++) {
    const epoch = Math.ceil((step * epochs) / steps);
    const line = {
      step,
      epoch,
      time: new Date(START + 250 * step).toISOString(),
      learningRate: 0.1,
      loss: 5 - step / steps,
      stepMs: 90,
    };
    if (step % EVERY !== 1) {
      metrics.push(JSON.stringify({ ...line, imagesPerSecond: 500 }));
      continue;
    }
    const score = (stage: string) => ({
      [`scores/global/${stage}/posMean`]: positive,
      [`scores/global/${stage}/pullMean`]: 4,
      ...(hasNegatives && {
        [`scores/global/${stage}/negMean`]: 0.05,
        [`scores/global/${stage}/negVar`]: 0.01,
        [`scores/global/${stage}/pushMean`]: 4,
        [`scores/global/${stage}/hardestMean`]: 1,
      }),
    });
    const representation = {
      'representation/embedding/spread': spread,
      'representation/embedding/effectiveRank': rank,
      'representation/embedding/uniformity': -2,
      'representation/pooled/effectiveRank': rank,
      'representation/purity': 0.3,
    };
    const terms = { 'loss/global': 5, 'loss/local': 1 };
    metrics.push(
      JSON.stringify({ ...line, ...terms, ...score('raw'), ...score('transformed'), ...representation, memoryMb: 600 }),
    );
    const histogram = (centre: number) => Array.from({ length: BINS }, (_, b) => Math.max(0, 20 - (b - centre) ** 2));
    const arrays = (stage: string) => ({
      [`scores/global/${stage}/posHistogram`]: histogram(40),
      [`scores/global/${stage}/negHistogram`]: histogram(25),
    });
    const spectrum = { 'representation/embedding/spectrum': Array.from({ length: 64 }, (_, i) => 1 / (i + 1)) };
    records.push(JSON.stringify({ step, epoch, ...arrays('raw'), ...arrays('transformed'), ...spectrum }));
  }
  const text = (lines: readonly string[]) => (lines.length === 0 ? '' : `${lines.join('\n')}\n`);
  return { metrics: text(metrics), records: text(records) };
}

/** Writes a run folder. @returns its path. */
export function sampleRun(path: string, options: SampleOptions = {}): string {
  const { steps = 80, epochs = 4, methods = [], isRunning = false } = options;
  mkdirSync(path, { recursive: true });
  const { metrics, records } = sampleLines(1, steps, options);
  const config = { data: 'images', host: { name: 'moco' }, methods: methods.map((name) => ({ name })), epochs };
  writeFileSync(join(path, 'config.json'), JSON.stringify(config));
  writeFileSync(join(path, 'metrics.jsonl'), metrics);
  writeFileSync(join(path, 'records.jsonl'), records);
  if (!isRunning)
    writeFileSync(join(path, 'summary.json'), JSON.stringify({ status: 'done', knn: 0.5, backend: 'test' }));
  return path;
}
