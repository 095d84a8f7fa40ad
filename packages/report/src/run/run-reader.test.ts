import { appendFileSync, mkdirSync, truncateSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { sampleLines, sampleRun } from '../../test/sample-run.js';
import { temporaryFolder } from '../../test/temporary-folder.js';
import { findRuns } from './find-runs.js';
import { RunReader, readRun } from './run-reader.js';

const folder = temporaryFolder();

describe('RunReader', () => {
  it('reads a finished run', () => {
    const run = readRun(sampleRun(folder('a')));
    expect(run).toMatchObject({ name: 'a', state: 'done', problems: [], step: 80, epoch: 4, epochEnds: [20, 40, 60] });
    expect(run.metrics.get('loss')?.last).toEqual({ step: 80, values: [4] });
    expect(run.arrays.get('scores/global/raw/posHistogram')?.points).toHaveLength(20);
  });

  it('follows a run in progress, half lines included', () => {
    const path = sampleRun(folder('a'), { isRunning: true });
    writeFileSync(join(path, 'lock.json'), JSON.stringify({ pid: process.pid, host: hostname() }));
    const reader = new RunReader(path);
    expect(reader.refresh()).toMatchObject({ state: 'running', step: 80 });
    const { metrics } = sampleLines(81, 82, { steps: 80 });
    appendFileSync(join(path, 'metrics.jsonl'), metrics.slice(0, 250));
    reader.refresh();
    appendFileSync(join(path, 'metrics.jsonl'), metrics.slice(250));
    expect(reader.refresh()).toMatchObject({ step: 82, problems: [] });
    expect(reader.refresh().metrics.get('loss')?.points).toHaveLength(82);
  });

  it('starts anew when a resumed run has cut its log, also if it has grown beyond the old length since', () => {
    const path = sampleRun(folder('a'), { isRunning: true });
    const reader = new RunReader(path);
    reader.refresh();
    const { metrics } = sampleLines(1, 40);
    truncateSync(join(path, 'metrics.jsonl'), metrics.length);
    appendFileSync(join(path, 'metrics.jsonl'), sampleLines(41, 100, { positive: 0.123 }).metrics);
    const { metrics: read, step } = reader.refresh();
    expect(step).toBe(100);
    expect(read.get('loss')?.points).toHaveLength(100);
    expect(read.get('scores/global/raw/posMean')?.last?.values).toEqual([0.123]);
  });

  it('tells an interrupted run from a running one by its process', () => {
    const path = sampleRun(folder('a'), { isRunning: true });
    expect(readRun(path).state).toBe('interrupted');
    writeFileSync(join(path, 'lock.json'), JSON.stringify({ pid: 2 ** 30, host: hostname() }));
    expect(readRun(path).state).toBe('interrupted');
    writeFileSync(join(path, 'lock.json'), JSON.stringify({ pid: 1, host: 'elsewhere' }));
    expect(readRun(path).state).toBe('running');
  });

  it('says what is wrong with a broken folder and shows the rest', () => {
    const path = sampleRun(folder('a'));
    writeFileSync(join(path, 'config.json'), '{"host": ');
    writeFileSync(join(path, 'summary.json'), '[]');
    appendFileSync(join(path, 'metrics.jsonl'), 'not json\n{"step":"x"}\n[1]\n{"step":81,"epoch":5,"loss":null}\n');
    const run = readRun(path);
    expect(run).toMatchObject({ state: 'interrupted', step: 81, config: undefined });
    expect(run.problems).toEqual([
      expect.stringMatching(/^config\.json cannot be read/),
      'summary.json cannot be read: it holds no object.',
      'metrics.jsonl: 2 lines are damaged.',
      'There is no readable config.json.',
    ]);
    expect(run.metrics.get('loss')?.last?.step).toBe(80);
  });

  it('calls a folder without anything readable broken', () => {
    mkdirSync(folder('a', 'metrics.jsonl'), { recursive: true });
    writeFileSync(folder('a', 'config.json'), '\0\0');
    expect(readRun(folder('a')).state).toBe('broken');
  });
});

describe('findRuns', () => {
  it('gives a run itself, or the runs up to three levels below, in natural order', () => {
    for (const name of ['b10', 'b9', 'x/y/deep', 'x/y/z/too-deep', '.hidden', 'b9/inside']) sampleRun(folder(name));
    mkdirSync(folder('empty'));
    expect(findRuns(folder()).map(({ name }) => name)).toEqual(['b9', 'b10', 'x/y/deep']);
    expect(findRuns(folder('b9'))).toEqual([{ name: 'b9', path: folder('b9') }]);
    expect(findRuns(folder('nowhere'))).toEqual([]);
  });
});
