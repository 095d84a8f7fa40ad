import { SslError } from '@contrastive/core';
import { describe, expect, it } from 'vitest';
import { labelled, matrix } from '../test/data.js';
import {
  columnMeans,
  requireFeatures,
  requireLabelled,
  requireSameDim,
  requireTwoClasses,
  takeRows,
  unitRows,
} from './features.js';

const codeOf = (action: () => unknown): string | undefined => {
  try {
    action();
    return undefined;
  } catch (error) {
    return error instanceof SslError ? error.code : `not an SslError: ${error}`;
  }
};

describe('feature checks', () => {
  it('name the row of a value that is not finite', () => {
    expect(() =>
      requireFeatures(
        'knn',
        'bank',
        matrix([
          [1, 2],
          [3, Number.NaN],
        ]),
      ),
    ).toThrow(/bank.*NaN in row 1/);
    expect(codeOf(() => requireFeatures('knn', 'bank', matrix([[1, Number.POSITIVE_INFINITY]])))).toBe('NOT_FINITE');
  });

  it('refuse an empty matrix and a wrong number of values', () => {
    expect(codeOf(() => requireFeatures('knn', 'bank', { data: new Float32Array(0), rows: 0, dim: 4 }))).toBe('DATA');
    expect(codeOf(() => requireFeatures('knn', 'bank', { data: new Float32Array(5), rows: 2, dim: 3 }))).toBe(
      'SHAPE_MISMATCH',
    );
  });

  it('refuse missing labels, by number and by sign', () => {
    expect(codeOf(() => requireLabelled('knn', 'bank', labelled([[1], [2]], [0])))).toBe('DATA');
    expect(() => requireLabelled('knn', 'bank', labelled([[1], [2]], [0, -1]))).toThrow(/label -1 in row 1/);
    expect(codeOf(() => requireLabelled('knn', 'bank', matrix([[1]]) as never))).toBe('DATA');
  });

  it('refuse features of two widths', () => {
    expect(() => requireSameDim('knn', matrix([[1, 2]]), matrix([[1]]))).toThrow(/2 columns, test features 1/);
  });

  it('ask for two classes where a classifier is trained', () => {
    expect(codeOf(() => requireTwoClasses('logistic', Int32Array.of(3, 3)))).toBe('DATA');
    expect(requireTwoClasses('logistic', Int32Array.of(0, 4))).toBe(5);
  });
});

describe('feature helpers', () => {
  it('take rows with their labels, repeated if asked', () => {
    const taken = takeRows(
      labelled(
        [
          [1, 2],
          [3, 4],
        ],
        [5, 6],
      ),
      [1, 0, 1],
    );
    expect([...taken.data]).toEqual([3, 4, 1, 2, 3, 4]);
    expect([...taken.labels]).toEqual([6, 5, 6]);
    expect(() => takeRows(matrix([[1]]), [1])).toThrow(SslError);
  });

  it('make unit rows and leave a zero row zero', () => {
    expect([
      ...unitRows(
        matrix([
          [3, 4],
          [0, 0],
        ]),
      ).data,
    ]).toEqual([0.6, 0.8, 0, 0].map(Math.fround));
  });

  it('average columns', () => {
    expect([
      ...columnMeans(
        matrix([
          [1, 2],
          [3, 6],
        ]),
      ),
    ]).toEqual([2, 4]);
  });
});
