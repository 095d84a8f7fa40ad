import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { hostTensor, type Snapshot } from '@contrastive/core';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { writeFileAtomic } from './files.js';
import { startOf } from './lock.js';
import { RunFolder, readCheckpoint } from './run-folder.js';

const root = mkdtempSync(join(tmpdir(), 'contrastive-folder-'));
afterAll(() => rmSync(root, { recursive: true }));
let count = 0;
const fresh = () => join(root, `run-${count++}`);
const started = () => RunFolder.open(fresh(), { resume: false });

const snapshot = (step: number): Snapshot => ({
  tensors: { w: hostTensor([3], Float32Array.of(step, Number.MIN_VALUE, -0)) },
  meta: { version: 1, step, seed: 1, parts: { batch: 8 } },
});

describe('a run folder', () => {
  it('locks itself while it is open', () => {
    const folder = started();
    expect(JSON.parse(readFileSync(join(folder.path, 'lock.json'), 'utf8'))).toEqual({
      pid: process.pid,
      host: hostname(),
      ...(startOf(process.pid) === undefined ? {} : { start: startOf(process.pid) }),
    });
    folder.close();
    expect(existsSync(join(folder.path, 'lock.json'))).toBe(false);
  });

  it('is taken over from a dead process, not from a live one or from another machine', () => {
    const withLock = (lock: string) => {
      const path = fresh();
      mkdirSync(path);
      writeFileSync(join(path, 'lock.json'), lock);
      return () => RunFolder.open(path, { resume: false });
    };
    const lock = (pid: number, host = hostname(), start = startOf(pid)) => JSON.stringify({ pid, host, start });
    expect(withLock(lock(process.ppid))).toThrow(`in use by process ${process.ppid} on ${hostname()}`);
    expect(withLock(lock(1, 'elsewhere'))).toThrow('in use by process 1 on elsewhere');
    const dead = 2 ** 22 + 1; // above the largest process number
    for (const stale of [lock(dead), lock(process.pid), 'half a loc']) withLock(stale)().close();
    // Its number belongs to another process now: after many kills that happens.
    if (startOf(process.ppid) !== undefined) withLock(lock(process.ppid, hostname(), 'earlier 1'))().close();
  });

  it('is refused if it holds a run, unless that is resumed', () => {
    const folder = started();
    folder.writeJson('config.json', { data: 'x' });
    folder.close();
    expect(() => RunFolder.open(folder.path, { resume: false })).toThrow('already holds a run');
    expect(readdirSync(folder.path).sort()).toEqual(['checkpoints', 'config.json']);
    RunFolder.open(folder.path, { resume: true }).close();
  });

  it('leaves the place as it was when it is discarded', () => {
    const path = join(fresh(), 'deep', 'run');
    const folder = RunFolder.open(path, { resume: false });
    folder.writeJson('config.json', {});
    folder.discard();
    expect(existsSync(join(path, '..', '..'))).toBe(false);
    expect(existsSync(root)).toBe(true);
    const own = fresh();
    mkdirSync(own);
    writeFileSync(join(own, 'notes.txt'), 'mine');
    RunFolder.open(own, { resume: false }).discard();
    expect(readdirSync(own)).toEqual(['notes.txt']);
  });

  it('removes what a killed process was writing', () => {
    const folder = started();
    folder.close();
    writeFileSync(join(folder.path, 'checkpoints', 'step-000000009.safetensors.77.tmp'), 'half');
    RunFolder.open(folder.path, { resume: true }).close();
    expect(readdirSync(join(folder.path, 'checkpoints'))).toEqual([]);
  });
});

describe('checkpoints', () => {
  it('come back as they were saved, and only the newest are kept', () => {
    const folder = started();
    for (const step of [5, 10, 15]) folder.saveCheckpoint(snapshot(step), 2);
    expect(readdirSync(join(folder.path, 'checkpoints'))).toEqual([
      'step-000000010.safetensors',
      'step-000000015.safetensors',
    ]);
    const { snapshot: loaded, damaged } = folder.loadCheckpoint()!;
    expect(loaded).toEqual(snapshot(15));
    expect(Object.is(loaded.tensors.w!.data[2], -0)).toBe(true);
    expect(damaged).toEqual([]);
    expect(started().loadCheckpoint()).toBeUndefined();
  });

  it('with any byte changed are found damaged, and the one before is taken', () => {
    const folder = started();
    folder.saveCheckpoint(snapshot(1), 9);
    const path = folder.saveCheckpoint(snapshot(2), 9);
    const whole = readFileSync(path);
    fc.assert(
      fc.property(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
        const bytes = Buffer.from(whole);
        bytes[at]! ^= change;
        writeFileSync(path, bytes);
        expect(() => readCheckpoint(path)).toThrow();
        const { snapshot: loaded, damaged } = folder.loadCheckpoint()!;
        expect(loaded.meta.step).toBe(1);
        expect(damaged).toHaveLength(1);
      }),
      { numRuns: 50 },
    );
    writeFileSync(join(folder.path, 'checkpoints', 'step-000000001.safetensors'), '');
    expect(() => folder.loadCheckpoint()).toThrow('No checkpoint of this run is whole.');
  });
});

describe('the best checkpoint', () => {
  const score = (value: number, goal: 'min' | 'max' = 'min') => ({ metric: 'loss', value, goal });

  it.each(['min', 'max'] as const)('is kept besides the newest (%s)', (goal) => {
    const folder = started();
    const sign = goal === 'min' ? 1 : -1;
    for (const [i, value] of [3, 1, 2, 4].entries())
      folder.saveCheckpoint(snapshot(i + 1), 1, score(sign * value, goal));
    expect(folder.best()).toEqual({ file: 'step-000000002.safetensors', step: 2, metric: 'loss', value: sign });
    expect(folder.checkpointPaths().map((path) => basename(path))).toEqual([
      'step-000000004.safetensors',
      'step-000000002.safetensors',
    ]);
    folder.saveCheckpoint(snapshot(5), 1, score(0, goal));
    folder.saveCheckpoint(snapshot(6), 1);
    expect(folder.best()).toMatchObject({ step: 5, value: 0 });
  });

  it('is forgotten by a run that goes back to before it, and by one that looks at another metric', () => {
    const folder = started();
    folder.saveCheckpoint(snapshot(2), 9, score(1));
    folder.rewindBest(2);
    expect(folder.best()?.step).toBe(2);
    folder.saveCheckpoint(snapshot(3), 9, { ...score(5), metric: 'host/collapse' });
    expect(folder.best()).toMatchObject({ step: 3, metric: 'host/collapse' });
    folder.rewindBest(2);
    expect(folder.best()).toBeUndefined();
  });

  it('is unknown if the note is damaged or its file is gone', () => {
    const folder = started();
    rmSync(folder.saveCheckpoint(snapshot(1), 9, score(1)));
    expect(folder.best()).toBeUndefined();
    writeFileSync(join(folder.path, 'checkpoints', 'best.json'), '{"file":');
    expect(folder.best()).toBeUndefined();
  });
});

describe('the log', () => {
  it('is cut back to a step, with a half line at its end', () => {
    const folder = started();
    expect(folder.hasSteps).toBe(false);
    folder.rewindLog(0);
    for (let step = 1; step <= 6; step++) folder.log({ step, epoch: Math.ceil(step / 2), loss: step / 3 });
    const path = join(folder.path, 'metrics.jsonl');
    writeFileSync(path, `${readFileSync(path, 'utf8')}{"step":7,"los`);
    folder.rewindLog(100);
    expect(folder.valuesOf(3, 'loss')).toEqual([5 / 3, 6 / 3]);
    folder.rewindLog(4);
    expect(folder.valuesOf(2, 'loss')).toEqual([1, 4 / 3]);
    expect(folder.valuesOf(3, 'loss')).toEqual([]);
    folder.log({ step: 5, epoch: 3, loss: Number.NaN });
    expect(folder.valuesOf(3, 'loss')).toEqual([]);
    folder.rewindLog(0);
    expect(readFileSync(path, 'utf8')).toBe('');
  });
});

describe('writeFileAtomic', () => {
  it('replaces a file whole, and leaves the old one if it fails', () => {
    const path = join(root, 'file');
    writeFileAtomic(path, 'one');
    writeFileAtomic(path, Uint8Array.of(116, 119, 111));
    expect(readFileSync(path, 'utf8')).toBe('two');
    const blocked = join(root, 'blocked');
    mkdirSync(join(blocked, 'inside'), { recursive: true });
    expect(() => writeFileAtomic(blocked, 'x')).toThrow(/^Writing .*blocked failed/);
    expect(readdirSync(root).filter((name) => name.endsWith('.tmp'))).toEqual([]);
    expect(() => writeFileAtomic(join(root, 'none', 'x'), 'x')).toThrow(/ENOENT/);
  });
});
