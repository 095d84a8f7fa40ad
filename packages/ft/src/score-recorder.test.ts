import { scoreTerms, type Term } from '@contrastive/core';
import { expectClose } from '@contrastive/testing';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { contrast, drawsOf, example1, ioOf } from '../test/contrast.js';
import { ft } from './ft.js';
import { type ScoreRecorderOptions, scoreRecorder } from './score-recorder.js';

const draws = drawsOf({ lambdaEx: 1.5, lambdaIn: 0.25, order: [1, 2, 0] });
const record = (hostTerms: readonly Term[], terms: readonly Term[], options?: ScoreRecorderOptions) =>
  scoreRecorder(options).observe!(scoreTerms(terms).scored, ioOf(hostTerms, draws));
const host = () => contrast(example1());

describe('scoreRecorder', () => {
  it('records raw and transformed scores side by side', () => {
    const terms = ft().edit!(host(), ioOf(host(), draws));
    const recorded = record(host(), terms);
    expectClose(recorded['global/raw/posMean']!, 0.8);
    expectClose(recorded['global/transformed/posMean']!, 0.5);
    expectClose(recorded['global/raw/negMean']!, -0.08);
    expectClose(recorded['global/transformed/negMean']!, -0.12);
    expect(recorded['global/raw/rows']!.shape).toEqual([2, 5]);
    expect(recorded['global/transformed/posHistogram']!.shape).toEqual([50]);
    expect(Array.from(recorded['global/raw/negQuantiles']!.dataSync())).toEqual(
      [-1, -0.6, 0, 0.6, 0.8].map(Math.fround), // ranks 0, 1, 3, 4, 5 of −1, −0.6, −0.28, 0, 0.6, 0.8
    );
  });

  it('gives the same for both where nobody edited the term', () => {
    const terms = host();
    const recorded = record(terms, terms);
    for (const name of ['rows', 'negVar', 'pullMean', 'posQuantiles']) {
      expectClose(recorded[`global/transformed/${name}`]!, recorded[`global/raw/${name}`]!);
    }
    expectClose(tf.sum(recorded['global/raw/negHistogram']!), 6);
  });

  it('puts all directions of a term into one table', () => {
    const [term] = host();
    const both = [{ ...term!, comparisons: [...term!.comparisons, ...term!.comparisons] }];
    expect(record(both, both)['global/raw/rows']!.shape).toEqual([4, 5]);
  });

  it('has no negatives to tell of on hosts without', () => {
    const { anchors, positives } = example1();
    const terms = contrast({ anchors, positives });
    const names = Object.keys(record(terms, terms)).filter((name) => name.startsWith('global/raw/'));
    expect(names.map((name) => name.slice('global/raw/'.length)).sort()).toEqual(
      ['expPos', 'posHistogram', 'posMean', 'posQuantiles', 'posVar', 'rows'], // biome-ignore format: short
    );
  });

  it('records terms that plug-ins added, without a raw side, and skips absent ones', () => {
    const [term] = host();
    const terms = [term!, { ...term!, name: 'region' }];
    const recorded = record([term!], terms, { terms: ['region', 'dense'] });
    expect(Object.keys(recorded).every((name) => name.startsWith('region/transformed/'))).toBe(true);
    expect(Object.keys(recorded).length).toBeGreaterThan(5);
  });

  it('has neither draws nor edits nor state, so that it changes no loss and no stream', () => {
    const plugin = scoreRecorder();
    expect([plugin.edit, plugin.draw, plugin.encode, plugin.init, plugin.commit, plugin.phase]).toEqual(
      Array(6).fill(undefined),
    );
  });

  it.each([
    [{ bins: 1 }, 'bins must be an integer ≥ 2, but is 1'],
    [{ negativeSample: 0 }, 'negativeSample must be an integer ≥ 1'],
    [{ terms: [] }, 'terms must be a list'],
    [{ rawRange: [1, -1] as const }, 'rawRange must be [low, high] with low < high, but is [1,-1]'],
    [{ transformedRange: [0, 0] as const }, 'transformedRange must be'],
  ])('refuses %j', (options, message) => {
    expect(() => scoreRecorder(options)).toThrow(message);
  });

  it('leaves no tensors behind but its outputs', () => {
    const terms = host();
    const scored = scoreTerms(terms).scored;
    const before = tf.memory().numTensors;
    tf.dispose(tf.tidy(() => scoreRecorder().observe!(scored, ioOf(terms, draws))));
    expect(tf.memory().numTensors).toBe(before);
  });
});
