import { describe, expect, it } from 'vitest';
import { type SampleOptions, sampleRun } from '../../test/sample-run.js';
import { temporaryFolder } from '../../test/temporary-folder.js';
import { readRun } from './run-reader.js';
import { verdictOf } from './verdict.js';

const folder = temporaryFolder();
const judge = (options: SampleOptions) => verdictOf(readRun(sampleRun(folder('run'), options)));

describe('verdictOf', () => {
  it('calls a spread-out run healthy, with its numbers', () => {
    expect(judge({ spread: 0.5, rank: 20, positive: 0.8 })).toMatchObject({
      kind: 'healthy',
      rule: 'The effective rank is 20 of at most 64 (31.3 %, limit 4 %). The mean positive score is 0.8.',
    });
  });

  it('sees a complete collapse before anything else', () => {
    expect(judge({ spread: 0.01, rank: 1, positive: 1 })).toMatchObject({
      kind: 'complete collapse',
      rule: 'The deviation of the embeddings is 1 % of that of a uniform cloud, below 10 % (effective rank 1).',
    });
  });

  it('sees a dimensional collapse by the rank', () => {
    expect(judge({ spread: 0.5, rank: 1.28 })).toMatchObject({
      kind: 'dimensional collapse',
      rule: 'The effective rank is 1.28 of at most 64, which is 2 %, below 4 %.',
    });
  });

  it('takes a narrow cone of few directions for a dimensional collapse: a classifier still finds something in it', () => {
    expect(judge({ spread: 0.147, rank: 2.4 }).kind).toBe('dimensional collapse');
  });

  it('sees over-easy positives where there are negatives, and only there', () => {
    expect(judge({ positive: 0.97 })).toMatchObject({
      kind: 'over-easy positives',
      rule: 'The mean positive score is 0.97, above 0.95.',
    });
    expect(judge({ positive: 0.97, hasNegatives: false }).kind).toBe('healthy');
  });

  it('waits for three records', () => {
    expect(judge({ steps: 8 }).kind).toBe('too early to say');
    expect(judge({ steps: 9 }).kind).toBe('healthy');
  });
});
