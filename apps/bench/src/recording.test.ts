import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import type { Trainer } from '@contrastive/core';
import { readNpy } from '@contrastive/report';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RunConfig } from './config.js';
import { StepWriter, stepLog } from './recording.js';
import type { LoopStep } from './training-loop.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'recording-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const config = { batch: 8, accumulate: 2, methods: [] as unknown } as RunConfig;
const trainerWith = (variables: Record<string, { shape: number[] }> = {}) =>
  ({ variables, info: { anchorViews: ['view1'] } }) as unknown as Trainer;
const float = (shape: readonly number[], ...values: readonly number[]) =>
  ({ shape, dtype: 'float32', data: Float32Array.from(values) }) as unknown as LoopStep['tensors'][string];

/** A recorded step as the trainer reports it; `tensors: {}` makes it one that was not recorded. */
const stepOf = (step: number, given: Partial<LoopStep> = {}): LoopStep =>
  ({
    step,
    info: { epoch: 1 },
    learningRate: 0.1,
    metrics: { loss: 5, 'representation/purity': 0.25 },
    skipped: false,
    stepMs: 300,
    waitMs: 100,
    tensors: {
      'representation/embedding/gram': float([2, 2], 2, 1, 1, 2),
      'scores/global/raw/rows': float([1, 5], 1, 2, 3, 4, 5),
      'scores/global/transformed/rows': float([1, 5], 1, 2, 3, 4, 5),
    },
    ...given,
  }) as unknown as LoopStep;

describe('stepLog', () => {
  const time = new Date(1000);

  it('has loss, rate, times and images per second of every step, and no more of one that was not recorded', () => {
    const { line, arrays } = stepLog(stepOf(3, { tensors: {} }), trainerWith(), config, time);
    expect(line).toMatchObject({ step: 3, epoch: 1, time: '1970-01-01T00:00:01.000Z', loss: 5, learningRate: 0.1 });
    expect(line).toMatchObject({ stepMs: 300, waitMs: 100, imagesPerSecond: 40 }); // 16 images in 0.4 s
    expect(line).not.toHaveProperty('memoryMb');
    expect(arrays).toEqual({});
  });

  it('makes ranks and spectra of Gram matrices, and keeps one copy of scores that nobody edits', () => {
    const { line, arrays } = stepLog(stepOf(1), trainerWith(), config, time);
    // Eigenvalues 3 and 1: exp of the entropy of ¾ and ¼.
    expect(line['representation/embedding/effectiveRank']).toBeCloseTo(1.754765, 5);
    expect(line.memoryMb).toBeGreaterThan(10);
    expect(Object.keys(arrays).sort()).toEqual(['representation/embedding/spectrum', 'scores/global/transformed/rows']);
    const edited = stepLog(stepOf(1), trainerWith(), { ...config, methods: [{ name: 'ft' }] } as RunConfig, time);
    expect(edited.arrays).toHaveProperty(['scores/global/raw/rows']);
  });

  it('gives the mean age of the keys that a step scores against', () => {
    const ageAt = (step: number, variables: Record<string, { shape: number[] }>) =>
      stepLog(stepOf(step), trainerWith(variables), config, time).line.queueAge;
    const queue = { 'host/queue': { shape: [64, 4] } };
    // 16 keys a step, 4 steps to fill: ages 1 to 4 when it is full, 1 and 2 after two steps.
    expect(ageAt(3, queue)).toBe(1.5);
    expect(ageAt(100, queue)).toBe(2.5);
    expect(ageAt(100, {})).toBeUndefined();
  });

  it('leaves out the purity where there are no labels, and everything of a step that was undone', () => {
    const nameless = stepOf(1, { metrics: { loss: 5, 'representation/purity': Number.NaN } });
    expect(stepLog(nameless, trainerWith(), config, time).line).not.toHaveProperty(['representation/purity']);
    expect(stepLog(stepOf(1), trainerWith(), config, time).line['representation/purity']).toBe(0.25);
    expect(stepLog(stepOf(1, { skipped: true }), trainerWith(), config, time).arrays).toEqual({});
  });
});

describe('StepWriter', () => {
  const sink = () => {
    const lines: unknown[] = [];
    return { path: folder, log: (line: Readonly<Record<string, unknown>>) => void lines.push(line.step), lines };
  };

  it('writes in order, not at once but as soon as the program is free', async () => {
    const into = sink();
    const writer = new StepWriter(into, trainerWith(), config);
    writer.take(stepOf(1));
    writer.take(stepOf(2));
    expect(into.lines).toEqual([]);
    await turn();
    expect(into.lines).toEqual([1, 2]);
    expect(readNpy(join(folder, 'scores/score_001.npy')).shape).toEqual([2, 1, 5]);
    expect(readFileSync(join(folder, 'records.jsonl'), 'utf8').trim().split('\n')).toHaveLength(2);
  });

  it('writes what waits when it is told to, each step once', async () => {
    const into = sink();
    const writer = new StepWriter(into, trainerWith(), config);
    writer.take(stepOf(1));
    writer.flush();
    expect(into.lines).toEqual([1]);
    writer.take(stepOf(2));
    await turn();
    writer.flush();
    expect(into.lines).toEqual([1, 2]);
  });

  it('reports at the next step what went wrong in between, and goes on after it', async () => {
    const into = {
      ...sink(),
      log: () => {
        throw new Error('no space left');
      },
    };
    const writer = new StepWriter(into, trainerWith(), config);
    writer.take(stepOf(1));
    await turn();
    expect(() => writer.take(stepOf(2))).toThrow('no space left');
    expect(() => writer.flush()).not.toThrow();
  });
});
