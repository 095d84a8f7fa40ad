import { expectClose, expectGradients, seededTensor } from '@contrastive/testing';
import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { atAngles } from '../test/example.js';
import { resolveSnclr, type SnclrOptions } from './options.js';
import { createMaps, neighbourWeights } from './positiveness.js';

const weights = (options: SnclrOptions, y: tf.Tensor2D, rows: tf.Tensor3D, state = {}) =>
  neighbourWeights(resolveSnclr({ bankSize: 64, neighbours: 3, ...options }), y, rows, state);
const values = (t: tf.Tensor) => Array.from(t.dataSync());
const example = () => tf.reshape(atAngles(15, -30, 40, 75, 120, 40), [2, 3, 2]) as tf.Tensor3D;

describe('neighbourWeights', () => {
  it('gives the weights of worked example A of spec "snclr"', () => {
    const expected = [0.377735, 0.26528, 0.356984, 0.386275, 0.306862, 0.306862];
    expectClose(weights({}, atAngles(20, 80), example()), expected);
  });

  it('drops weights of 1/K and less with a threshold, and keeps the others as they are: example B', () => {
    const expected = [0.377735, 0, 0.356984, 0.386275, 0, 0];
    expectClose(weights({ threshold: true }, atAngles(20, 80), example()), expected);
  });

  it('sums to 1 and stays within its bounds, whatever the length of the rows', () => {
    fc.assert(
      fc.property(fc.nat(10_000), fc.integer({ min: 1, max: 30 }), (seed, count) => {
        const [y, rows] = [seededTensor<tf.Rank.R2>([2, 6], seed), seededTensor<tf.Rank.R3>([2, count, 6], seed + 1)];
        const w = weights({}, y, rows);
        expectClose(tf.sum(w, 1), [1, 1], { abs: 1e-5 });
        expect(Math.min(...values(w))).toBeGreaterThanOrEqual(1 / (1 + (count - 1) * Math.exp(2)) - 1e-6);
        expect(Math.max(...values(w))).toBeLessThanOrEqual(1 / (1 + (count - 1) * Math.exp(-2)) + 1e-6);
        expectClose(weights({}, tf.mul(9, y) as tf.Tensor2D, tf.mul(0.1, rows) as tf.Tensor3D), w);
      }),
      { numRuns: 30 },
    );
  });

  it('is 1/K for identical neighbours', () => {
    const rows = tf.tile(seededTensor<tf.Rank.R3>([2, 1, 4], 1), [1, 5, 1]) as tf.Tensor3D;
    expectClose(weights({}, seededTensor<tf.Rank.R2>([2, 4], 2), rows), tf.fill([2, 5], 0.2));
  });

  it('is sharper at a lower temperature', () => {
    const [cold, warm] = [0.1, 1].map((t) => weights({ positivenessTemperature: t }, atAngles(20, 80), example()));
    expect(values(cold!)[0]).toBeGreaterThan(values(warm!)[0]!);
  });

  it.each([
    ['uniform', 1 / 3],
    ['hard', 1],
    ['nearest', 1],
  ] as const)('is constant with %s', (weighting, expected) => {
    expectClose(weights({ weighting }, atAngles(20, 80), example()), tf.fill([2, 3], expected));
  });

  it('passes gradient to projections, or none if asked, with a threshold too', () => {
    const rows = seededTensor<tf.Rank.R3>([2, 3, 4], 1);
    const mix = seededTensor([2, 3], 2);
    const y = seededTensor<tf.Rank.R2>([2, 4], 3);
    const sum = (options: SnclrOptions) => (x: tf.Tensor) =>
      tf.sum(tf.mul(mix, weights(options, x as tf.Tensor2D, rows))) as tf.Scalar;
    expectGradients(sum({}), [y]);
    expectGradients(sum({ threshold: true }), [y]);
    const still = (x: tf.Tensor) => tf.add(sum({ positivenessGradient: false })(x), tf.mul(0, tf.sum(x))) as tf.Scalar;
    expect(values(tf.grad(still)(y))).toEqual(Array(8).fill(0));
  });

  it('starts as a scaled cosine with learned maps, which are trained', () => {
    const state = createMaps(4);
    const learned = { positiveness: 'learned', lossForm: 'inLog' } as const;
    const [y, rows] = [seededTensor<tf.Rank.R2>([2, 4], 5), seededTensor<tf.Rank.R3>([2, 3, 4], 6)];
    // f1 y · f2 x / √d = √d cos, so that a temperature of √d gives back the cosine.
    expectClose(weights({ ...learned, positivenessTemperature: 2 }, y, rows, state), weights({}, y, rows));
    expectClose(weights({ ...learned, gamma: 2 }, y, rows, state), tf.div(weights({ ...learned }, y, rows, state), 2));
    const { grads } = tf.variableGrads(
      () =>
        tf.sum(
          tf.mul(seededTensor([2, 3], 7), weights({ ...learned, learnedRelu: true }, y, rows, state)),
        ) as tf.Scalar,
    );
    expect(Object.values(grads).map((g) => Math.max(...values(tf.abs(g))) > 0)).toEqual([true, true]);
    tf.dispose(Object.values(state));
  });
});
