import { expectClose } from '@contrastive/testing';
import * as tf from '@tensorflow/tfjs-core';
import { describe, it } from 'vitest';
import { distinctShare, entropyOf, purityOf } from './statistics.js';

describe('purityOf', () => {
  it('counts neighbours of the own class among the known ones', () => {
    const labels = tf.tensor1d([3, 5, -1], 'int32');
    expectClose(purityOf(labels, tf.tensor2d([3, 4, 5, -1, 7, 7], [3, 2], 'int32')), 2 / 3);
    expectClose(purityOf(labels, tf.fill([3, 2], -1, 'int32') as tf.Tensor2D), 0);
  });
});

describe('entropyOf', () => {
  it('is ln K for equal weights and 0 for a single one, whatever their sum', () => {
    expectClose(entropyOf(tf.fill([3, 5], 0.7)), Math.log(5));
    expectClose(entropyOf(tf.tensor2d([[0, 2, 0]])), 0);
  });
});

describe('distinctShare', () => {
  it('is 1 if every place occurs once', () => {
    expectClose(distinctShare(tf.tensor2d([4, 2, 9, 0], [2, 2], 'int32')), 1);
    expectClose(distinctShare(tf.tensor2d([4, 2, 4, 4], [2, 2], 'int32')), 0.5);
    expectClose(distinctShare(tf.tensor2d([4], [1, 1], 'int32')), 1);
  });
});
