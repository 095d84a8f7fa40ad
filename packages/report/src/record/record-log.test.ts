import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { appendNpy, npyHeader, readNpy } from './npy.js';
import { RecordLog } from './record-log.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'records-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const rows = (value: number) => ({ shape: [2, 5], data: new Float32Array(10).fill(value) });
const record = (step: number, epoch: number) => ({
  step,
  epoch,
  arrays: {
    'scores/global/transformed/rows': rows(step),
    'scores/global/raw/rows': rows(-step),
    'scores/dense/transformed/rows': rows(7),
    'scores/global/raw/posHistogram': { shape: [3], data: new Float32Array([0, step, 1 / 3]) },
  },
});

describe('the numpy files', () => {
  it('have a header of 128 bytes that numpy reads', () => {
    const header = npyHeader([3, 2, 5]);
    expect(header.length).toBe(128);
    expect(header.toString('latin1', 0, 8)).toBe('\x93NUMPY\x01\x00');
    expect(header.readUInt16LE(8)).toBe(118);
    expect(header.toString('latin1', 10).trimEnd()).toBe(
      "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2, 5), }",
    );
    expect(header.at(-1)).toBe(10);
  });

  it('grow by entries of one shape', () => {
    const path = join(folder, 'a.npy');
    appendNpy(path, { shape: [2], data: new Float32Array([1, 2]) });
    appendNpy(path, { shape: [2], data: new Float32Array([3, 4]) });
    expect(readNpy(path)).toEqual({ shape: [2, 2], data: new Float32Array([1, 2, 3, 4]) });
    expect(() => appendNpy(path, { shape: [3], data: new Float32Array(3) })).toThrow(/entries of shape \[2\]/);
  });
});

describe('RecordLog', () => {
  it('keeps rows by epoch in numpy files and the rest in lines', () => {
    const log = new RecordLog(folder);
    for (const [step, epoch] of [
      [1, 1],
      [21, 1],
      [41, 2],
    ] as const)
      log.append(record(step, epoch));
    expect(readNpy(join(folder, 'scores/score_001.npy'))).toEqual({
      shape: [2, 2, 5],
      data: new Float32Array([...Array(10).fill(1), ...Array(10).fill(21)]),
    });
    expect(readNpy(join(folder, 'scores/raw_002.npy')).data[0]).toBe(-41);
    expect(existsSync(join(folder, 'scores/dense_score_002.npy'))).toBe(true);
    const lines = readFileSync(join(folder, 'records.jsonl'), 'utf8').trim().split('\n');
    expect(JSON.parse(lines[1]!)).toEqual({ step: 21, epoch: 1, 'scores/global/raw/posHistogram': [0, 21, 0.333333] });
  });

  it('goes back to a step and on from there as if nothing had happened', () => {
    const log = new RecordLog(folder);
    const files = ['records.jsonl', 'scores/score_001.npy', 'scores/score_002.npy', 'scores/raw_002.npy'];
    const steps = [
      [1, 1],
      [21, 1],
      [41, 2],
      [61, 2],
      [81, 3],
    ] as const;
    for (const [step, epoch] of steps.slice(0, 4)) log.append(record(step, epoch));
    const before = files.map((name) => readFileSync(join(folder, name)));
    log.append(record(...steps[4]));
    log.rewind(45);
    expect(readNpy(join(folder, 'scores/score_002.npy')).shape).toEqual([1, 2, 5]);
    expect(existsSync(join(folder, 'scores/score_003.npy'))).toBe(false);
    log.append(record(...steps[3]));
    expect(files.map((name) => readFileSync(join(folder, name)))).toEqual(before);
  });

  it('drops what a killed process wrote half', () => {
    const log = new RecordLog(folder);
    log.append(record(1, 1));
    const whole = readFileSync(join(folder, 'records.jsonl'), 'utf8');
    appendHalf(join(folder, 'records.jsonl'));
    appendNpy(join(folder, 'scores/score_001.npy'), rows(9)); // the rows of the half line
    log.rewind(100);
    expect(readFileSync(join(folder, 'records.jsonl'), 'utf8')).toBe(whole);
    expect(readNpy(join(folder, 'scores/score_001.npy')).shape).toEqual([1, 2, 5]);
  });
});

const appendHalf = (path: string) => appendFileSync(path, '{"step":21,"ep');
