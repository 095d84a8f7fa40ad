import type { StepIo, Term } from '@contrastive/core';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { representationRecorder, spectrumOf } from './representation-recorder.js';

const DEGREES = Math.PI / 180;
const atAngles = (...angles: readonly number[]): tf.Tensor2D =>
  tf.tensor2d(angles.map((a) => [Math.cos(a * DEGREES), Math.sin(a * DEGREES)]));

/** What the recorder reads of a step. */
function record(pooled: tf.Tensor2D, embedding: tf.Tensor2D, positives?: tf.Tensor2D, classes?: readonly number[]) {
  const comparison = {
    anchors: embedding,
    positives: { kind: 'paired', rows: tf.expandDims(positives ?? embedding, 1) },
  };
  const hostTerms = [{ name: 'global', weight: 1, comparisons: [comparison] }] as unknown as readonly Term[];
  const online = { view: () => ({ pooled, embedding }) };
  const labels = tf.tensor1d([...(classes ?? new Array(pooled.shape[0]).fill(-1))], 'int32');
  const io = { online, hostTerms, labels } as unknown as StepIo & { draws: never; features: never };
  return representationRecorder().observe!([], io);
}
const scalarOf = (t: tf.Tensor | undefined): number => t!.dataSync()[0]!;

describe('representationRecorder', () => {
  it('gives alignment and uniformity of worked example B of spec "evaluation"', () => {
    const found = record(atAngles(0, 90, 180), atAngles(0, 90, 180), atAngles(20, 100, 170));
    expect(scalarOf(found.alignment)).toBeCloseTo(0.060461, 5);
    expect(scalarOf(found['embedding/uniformity'])).toBeCloseTo(-4.396349, 4);
  });

  it('gives deviation and effective rank of worked example C', () => {
    const features = tf.tensor2d([
      [3, 0],
      [0, 1],
      [3, 0],
      [0, -1],
    ]);
    const found = record(features, features);
    expect(scalarOf(found['pooled/std'])).toBeCloseTo(0.603553, 5);
    expect(scalarOf(found['pooled/spread'])).toBeCloseTo(0.603553 * Math.SQRT2, 5);
    const gram = found['pooled/gram']!;
    const { effectiveRank, spectrum } = spectrumOf({ shape: gram.shape, data: gram.dataSync() });
    expect(effectiveRank).toBeCloseTo(1.606631, 5);
    expect(Array.from(spectrum.data)).toEqual([expect.closeTo(3, 5), expect.closeTo(2 / 3, 5)]);
  });

  it('has the same rank from few rows of many channels as from the covariance', () => {
    const rows = tf.randomNormal([6, 40], 0, 1, 'float32', 7) as tf.Tensor2D;
    const small = record(rows, rows)['pooled/gram']!;
    expect(small.shape).toEqual([6, 6]);
    const centred = tf.sub(rows, tf.mean(rows, 0));
    const covariance = tf.div(tf.matMul(centred, centred, true, false), 5);
    const rankOf = (t: tf.Tensor) => spectrumOf({ shape: t.shape, data: t.dataSync() }).effectiveRank;
    expect(rankOf(small)).toBeCloseTo(rankOf(covariance), 2);
  });

  it('gives the share of images whose nearest other image is of their class, among those of known class', () => {
    const rows = atAngles(0, 10, 90, 95, 12);
    const purity = (...classes: readonly number[]) => scalarOf(record(rows, rows, undefined, classes).purity);
    expect(purity(3, 3, 5, 5, 3)).toBe(1);
    // Nearest: 0 → 1, 1 → 4, 2 ↔ 3, 4 → 1.
    expect(purity(3, 3, 5, 5, 4)).toBeCloseTo(3 / 5, 6);
    // The last one does not count, neither as an image nor as a neighbour: 1 → 0.
    expect(purity(3, 3, 5, 6, -1)).toBeCloseTo(2 / 4, 6);
    expect(purity(-1, -1, -1, -1, -1)).toBeNaN();
  });

  it('is 0 for features that are all the same', () => {
    const found = record(tf.ones([4, 3]), tf.ones([4, 3]));
    expect(scalarOf(found['embedding/std'])).toBeCloseTo(0, 6);
    expect(scalarOf(found['embedding/uniformity'])).toBeCloseTo(0, 5);
  });
});
