import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { WorkerLog } from './worker-log.js';

const folder = mkdtempSync(join(tmpdir(), 'contrastive-log-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it('waits for the first step of the run, so that a run that fails before leaves no folder', () => {
  const log = new WorkerLog(folder, 2);
  const path = join(folder, 'worker-2.log');
  log.add('decoding\n');
  log.add('ready\n\n');
  expect(log.lastLine).toBe('ready');
  expect(existsSync(path)).toBe(false);
  writeFileSync(join(folder, 'metrics.jsonl'), '');
  log.add('epoch 1\n');
  expect(readFileSync(path, 'utf8')).toBe('decoding\nready\n\nepoch 1\n');
  rmSync(folder, { recursive: true });
  expect(() => log.add('a folder that went away ends nothing\n')).not.toThrow();
});
