import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { type Ended, rootCause } from './ended.js';

const out = mkdtempSync(join(tmpdir(), 'contrastive-ended-'));
afterAll(() => rmSync(out, { recursive: true }));

const ended = (rank: number, more: Partial<Ended>): Ended => ({
  ...{ rank, pid: 100 + rank, code: 1, signal: null, told: undefined, killed: false, lastLine: '' },
  ...more,
});
const told = (code: string, message: string, hint?: string) => ({
  told: { kind: 'failed' as const, code, message, hint },
});
const noticed = told('WORKER_LOST', 'somebody is gone.');
const cause = (...ends: Ended[]) => rootCause(ends, { out, timeoutSeconds: 7 });

describe('rootCause', () => {
  it('prefers an error of a worker’s own to what the others noticed, and says whose it is', () => {
    const disk = told('IO', 'The disk is full.', 'Free some space.');
    expect(cause(ended(0, noticed), ended(1, disk))).toMatchObject({
      ...{ code: 'IO', message: 'Worker 1: The disk is full.', hint: 'Free some space.' },
    });
    expect(cause(ended(0, disk), ended(1, disk)).message).toBe('The disk is full.');
  });

  it('names a worker that died, and then one that was ended since it did not answer', () => {
    const silent = ended(1, { code: null, signal: 'SIGKILL', killed: true });
    const dead = ended(2, { code: null, signal: 'SIGSEGV' });
    expect(cause(ended(0, noticed), silent, dead).message).toBe('Worker 2 (process 102) was ended by SIGSEGV.');
    expect(cause(ended(0, noticed), silent)).toMatchObject({
      ...{ code: 'WORKER_LOST', message: 'Worker 1 (process 101) did not answer for 7 s.' },
    });
  });

  it('takes a worker that did not come for dead if it died, else for one that could not join', () => {
    const waited = ended(0, told('CLUSTER', 'no worker appeared.'));
    const killed = ended(1, { code: null, signal: 'SIGKILL' });
    expect(cause(waited, killed).message).toBe('Worker 1 (process 101) was ended by SIGKILL.');
    const taken = ended(1, told('CLUSTER', 'the port is taken.'));
    expect(cause(ended(0, { code: null, signal: 'SIGKILL', killed: true }), taken).message).toBe(
      'Worker 1: the port is taken.',
    );
  });

  it('shows the last line of one that ended without a word, else what was noticed', () => {
    expect(cause(ended(0, noticed), ended(1, { code: 3, lastLine: 'oh no' })).message).toBe(
      'Worker 1 (process 101) ended with exit code 3: oh no',
    );
    expect(cause(ended(0, noticed), ended(1, noticed)).message).toBe('somebody is gone.');
  });

  it('says what is left of the run', () => {
    const dead = ended(1, { code: null, signal: 'SIGKILL' });
    expect(cause(ended(0, noticed), dead).hint).toBe('No checkpoint had been written yet: start again.');
    mkdirSync(join(out, 'checkpoints'));
    for (const step of [3, 6]) writeFileSync(join(out, 'checkpoints', `step-00000000${step}.safetensors`), '');
    expect(cause(ended(0, noticed), dead).hint).toContain(join(out, 'checkpoints', 'step-000000006.safetensors'));
  });
});
