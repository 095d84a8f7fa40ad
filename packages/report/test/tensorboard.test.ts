import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { exportTensorBoard, readRun } from '../src/index.js';
import { START, sampleRun } from './sample-run.js';
import { temporaryFolder } from './temporary-folder.js';

const folder = temporaryFolder();

/** A Python that has TensorBoard: one that the environment names, or a virtual environment that is made once. Undefined where neither works. */
function pythonWithTensorBoard(): string | undefined {
  const works = (python: string) => spawnSync(python, ['-c', 'import tensorboard']).status === 0;
  const named = process.env.TENSORBOARD_PYTHON;
  if (named !== undefined) return works(named) ? named : undefined;
  const environment = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'contrastive', 'tensorboard-venv');
  const python = join(environment, 'bin', 'python');
  if (existsSync(python) && works(python)) return python;
  if (spawnSync('python3', ['-m', 'venv', environment]).status !== 0) return undefined;
  const packages = ['tensorboard==2.21.0', 'setuptools<81'];
  const installed = spawnSync(python, ['-m', 'pip', 'install', '--quiet', ...packages], { timeout: 240_000 });
  return installed.status === 0 && works(python) ? python : undefined;
}

const python = pythonWithTensorBoard();
if (python === undefined) {
  console.log('The test with TensorBoard is skipped: it is not installed, and pip could not install it.');
}

const image = { width: 4, height: 3, data: new Uint8Array(36).fill(90) };

describe('exportTensorBoard', () => {
  it('writes every step of a long run, whatever a report thins it to', () => {
    const path = exportTensorBoard(readRun(sampleRun(folder('long'), { steps: 3000 })), folder('log'));
    const bytes = readFileSync(path);
    let losses = 0;
    // Each record: length (8), checksum (4), data, checksum (4). The tag is followed by a field of four bytes.
    for (let at = 0; at < bytes.length; at += 16 + Number(bytes.readBigUInt64LE(at))) {
      if (bytes.toString('latin1', at + 12, at + 12 + Number(bytes.readBigUInt64LE(at))).includes('\x04loss\x15'))
        losses++;
    }
    expect(losses).toBe(3000);
  });

  it('makes an empty log of a run without metrics', () => {
    const path = exportTensorBoard(readRun(folder('nothing')), folder('log'));
    expect(readFileSync(path).toString('latin1')).toContain('brain.Event:2');
  });

  it.skipIf(python === undefined)(
    'writes what TensorBoard itself reads, each at its time: scalars, histograms, images, an embedding',
    () => {
      const run = readRun(sampleRun(folder('a'), { steps: 40 }));
      const data = Float32Array.from({ length: 6 }, (_, i) => i / 3);
      const embedding = { rows: 3, dim: 2, data, labels: ['cat', 'd\tog', undefined], images: [image, image, image] };
      const timeOf = (step: number) => START / 1000 + step / 4;
      exportTensorBoard(readRun(sampleRun(folder('earlier'), { steps: 8 })), folder('log')); // must not stay beside it
      exportTensorBoard(run, folder('log'), { viewPairs: [[image, image]], embedding });

      const script = fileURLToPath(new URL('read_log.py', import.meta.url));
      const { stdout, stderr } = spawnSync(python!, [script, folder('log')], { encoding: 'utf8' });
      expect(stderr).not.toContain('Traceback');
      const read = JSON.parse(stdout);
      expect(read.scalars.loss).toHaveLength(40);
      expect(read.scalars.loss.at(-1)).toEqual([40, 4, timeOf(40)]);
      expect(read.scalars.learningRate[0]).toEqual([1, Math.fround(0.1), timeOf(1)]);
      expect(read.histograms).toEqual(
        ['raw', 'transformed'].flatMap((s) => ['neg', 'pos'].map((k) => `scores/global/${s}/${k}Histogram`)),
      );
      const counts = Array.from({ length: 50 }, (_, b) => Math.max(0, 20 - (b - 40) ** 2));
      expect(read.histogram).toMatchObject({ step: 37, time: timeOf(37), num: counts.reduce((a, b) => a + b), counts });
      expect(read.histogram.limits.at(-1)).toBeCloseTo(1, 12);
      expect(read.image).toEqual([40, timeOf(40), 8, 3, '89504e470d0a1a0a']);
      expect(read.embedding).toEqual(['a features', 'tensors.tsv', [4, 3]]);
      expect(readFileSync(folder('log/metadata.tsv'), 'utf8')).toBe('cat\nd og\nunknown\n');
      expect(readFileSync(folder('log/tensors.tsv'), 'utf8').split('\n')[1]).toBe('0.6666667\t1');
    },
    300_000,
  );
});
