import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import { expectGradients, seededRows } from '@contrastive/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { infoNce, ntXent } from './losses.js';
import { unit } from './math.js';
import { stopGradient } from './stop-gradient.js';

/** Unit rows in the plane, by angle. */
const angles = (...degrees: number[]) =>
  tf.tensor2d(degrees.map((a) => [Math.cos((a * Math.PI) / 180), Math.sin((a * Math.PI) / 180)]));
const numberOf = (t: tf.Tensor) => t.dataSync()[0]!;

describe('infoNce', () => {
  const [query, key, queue] = [angles(10, 100), angles(0, 90), angles(180, 225, 270)];

  it('gives the worked example of spec "hosts" section 14', () => {
    expect(numberOf(infoNce(query, key, { queue, temperature: 0.2 }))).toBeCloseTo(0.010425, 6);
    expect(numberOf(infoNce(query, key, { queue, temperature: 0.07 }))).toBeCloseTo(0.000005, 6);
  });

  it('is ln(1 + m) when all scores are equal', () => {
    const same = angles(30, 30);
    const loss = infoNce(same, same, { queue: angles(30, 30, 30), temperature: 0.1 });
    expect(numberOf(loss)).toBeCloseTo(Math.log(4), 5);
  });

  it('has the gradient of its value', () => {
    const rows = seededRows(3, 4, 1);
    const [keys, bank] = [seededRows(3, 4, 2), seededRows(5, 4, 3)];
    const loss = (q: tf.Tensor, k: tf.Tensor, b: tf.Tensor) =>
      infoNce(q as tf.Tensor2D, k as tf.Tensor2D, { queue: b as tf.Tensor2D, temperature: 0.5 });
    expectGradients(loss, [rows, keys, bank]);
  });

  it('gives no gradient to stopped keys', () => {
    const [dq, dk] = tf.grads((q, k) =>
      tf.add(
        infoNce(unit(q) as tf.Tensor2D, stopGradient(unit(k)) as tf.Tensor2D, { queue, temperature: 0.2 }),
        tf.sum(tf.mul(k, 0)),
      ),
    )([query, key]);
    expect(Math.max(...dq!.dataSync())).toBeGreaterThan(0);
    expect(Array.from(dk!.dataSync())).toEqual([0, 0, 0, 0]);
  });

  it('refuses rows that do not pair and temperatures that are not positive', () => {
    expect(() => infoNce(query, angles(1), { queue, temperature: 1 })).toThrow(/query is \[2,2\] and key is \[1,2\]/);
    expect(() => infoNce(query, key, { queue: seededRows(3, 5, 1), temperature: 1 })).toThrow(
      expect.objectContaining({ code: 'SHAPE_MISMATCH' }),
    );
    expect(() => infoNce(query, key, { queue, temperature: 0 })).toThrow(
      expect.objectContaining({ code: 'BAD_OPTION' }),
    );
  });
});

describe('ntXent', () => {
  it('gives the worked example of spec "hosts" section 14', () => {
    expect(numberOf(ntXent(angles(0, 90), angles(20, 140), { temperature: 0.5 }))).toBeCloseTo(0.306964, 6);
  });

  it('is ln(2n − 1) when all scores are equal', () => {
    const same = angles(30, 30, 30);
    expect(numberOf(ntXent(same, same, { temperature: 0.1 }))).toBeCloseTo(Math.log(5), 5);
  });

  it('does not change when the views are swapped or all rows are turned by one angle', () => {
    const degrees = fc.array(fc.integer({ min: 0, max: 359 }), { minLength: 3, maxLength: 3 });
    fc.assert(
      fc.property(degrees, degrees, fc.integer({ min: 0, max: 359 }), (a, b, turn) => {
        const loss = (x: number[], y: number[]) => numberOf(ntXent(angles(...x), angles(...y), { temperature: 0.5 }));
        expect(loss(b, a)).toBeCloseTo(loss(a, b), 5);
        const turned = (x: number[]) => x.map((d) => d + turn);
        expect(loss(turned(a), turned(b))).toBeCloseTo(loss(a, b), 4);
      }),
    );
  });

  it('has the gradient of its value, in both views', () => {
    const loss = (a: tf.Tensor, b: tf.Tensor) => ntXent(a as tf.Tensor2D, b as tf.Tensor2D, { temperature: 0.5 });
    expectGradients(loss, [seededRows(3, 4, 4), seededRows(3, 4, 5)]);
  });

  it('refuses views of different shapes', () => {
    expect(() => ntXent(angles(0, 90), angles(0), { temperature: 1 })).toThrow(
      /first is \[2,2\] and second is \[1,2\]/,
    );
  });
});
