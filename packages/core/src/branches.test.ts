import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import { describe, expect, it } from 'vitest';
import { dense, tinyBackbone } from '../test/tiny.js';
import { momentumBranch, onlineBranch, onlineSpecs, stoppedBranch, targetSpecs } from './branches.js';
import { ALONE } from './collective.js';
import type { Networks } from './host.js';
import { copyWeights, createWeights, type Weights } from './module.js';
import { Rng } from './rng.js';
import { captureTape, withoutTape } from './stop-gradient.js';

const retain = <T extends tf.Tensor>(t: T): T => t;
const values = (t: tf.Tensor) => Array.from(t.dataSync());

/** Backbone that records its passes, projector, predictor and one extra head. */
function setUp({ centred = false } = {}) {
  const passes: string[] = [];
  const inner = tinyBackbone({ centred });
  const backbone: typeof inner = {
    ...inner,
    apply: (weights, images, pass) => {
      passes.push(pass.updateStats ? 'updating' : 'still');
      return inner.apply(weights, images, pass);
    },
  };
  const networks: Networks = {
    backbone,
    projector: dense(4, 3),
    predictor: dense(3, 3),
    extra: { dense: dense(4, 2) },
    target: 'momentum',
  };
  const weights = createWeights(onlineSpecs(networks), Rng.create(3));
  const images = {
    view1: tf.randomNormal([4, 2, 2, 3], 0, 1, 'float32', 1) as tf.Tensor4D,
    view2: tf.randomNormal([4, 2, 2, 3], 0, 1, 'float32', 2) as tf.Tensor4D,
  };
  const pass = { training: true, updateStats: true };
  return { networks, weights, images, passes, options: { networks, weights, images, retain, pass, workers: ALONE } };
}
/** Names of the weights that a loss reaches. */
function reached(weights: Weights, loss: () => tf.Scalar): string[] {
  const { grads } = tf.variableGrads(loss);
  const names = Object.fromEntries(Object.entries(weights).map(([name, v]) => [v.name, name]));
  const nonZero = Object.entries(grads).filter(([, g]) => g.dataSync().some((x) => x !== 0));
  return nonZero.flatMap(([name]) => names[name] ?? []).sort();
}
const anchored = (rows: tf.Tensor) => tf.sum(tf.mul(rows, tf.reshape(tf.range(0, rows.size), rows.shape))) as tf.Scalar;

describe('specs', () => {
  it('give the target everything but the predictor', () => {
    const { networks } = setUp({ centred: true });
    const target = ['backbone/kernel', 'backbone/mean', 'dense/kernel', 'projector/kernel'];
    expect(Object.keys(targetSpecs(networks)).sort()).toEqual(target);
    expect(Object.keys(onlineSpecs(networks)).sort()).toEqual([...target, 'predictor/kernel'].sort());
  });
});

describe('onlineBranch', () => {
  it('runs a view once, and its heads on first read', () => {
    const { options, passes } = setUp();
    const branch = onlineBranch(options);
    expect(passes).toHaveLength(0);
    expect(branch.view('view1').embedding).toBe(branch.view('view1').embedding);
    expect(passes).toHaveLength(1);
  });

  it('gives unit rows after the predictor, and the raw projection before it', () => {
    const { options, weights } = setUp();
    const { projection, embedding, pooled } = onlineBranch(options).view('view1');
    const product = (x: tf.Tensor2D, name: string) => tf.matMul(x, weights[name] as unknown as tf.Tensor2D);
    expect(values(projection)).toEqual(values(product(pooled, 'projector/kernel')));
    const norms = values(tf.norm(embedding, 'euclidean', 1));
    for (const norm of norms) expect(norm).toBeCloseTo(1, 5);
    const predicted = product(projection, 'predictor/kernel');
    const cosines = tf.div(tf.sum(tf.mul(predicted, embedding), 1), tf.norm(predicted, 'euclidean', 1));
    for (const cosine of values(cosines)) expect(cosine).toBeCloseTo(1, 5);
  });

  it('passes gradient to every network', () => {
    const { options, weights } = setUp();
    const loss = () => anchored(onlineBranch(options).view('view1').embedding);
    expect(reached(weights, loss)).toEqual(['backbone/kernel', 'predictor/kernel', 'projector/kernel']);
  });

  it('moves running statistics in an extra pass only when asked to', () => {
    const { options, weights, images } = setUp({ centred: true });
    const branch = onlineBranch(options);
    branch.encode(images.view2, { updateStats: false });
    expect(values(weights['backbone/mean']!)).toEqual([0, 0, 0, 0]);
    branch.encode(images.view2);
    expect(values(weights['backbone/mean']!)).not.toEqual([0, 0, 0, 0]);
  });

  it('names the views there are when another one is asked for', () => {
    expect(() => onlineBranch(setUp().options).view('weak')).toThrow(/view weak is not among view1, view2/);
  });
});

describe('momentumBranch', () => {
  const momentum = (set: ReturnType<typeof setUp>, shuffle: Parameters<typeof momentumBranch>[1] = () => undefined) => {
    const target = copyWeights(targetSpecs(set.networks), set.weights);
    return { target, branch: momentumBranch({ ...set.options, weights: target }, shuffle) };
  };

  it('has the projection as its embedding, and passes no gradient', () => {
    const set = setUp();
    const { branch } = momentum(set);
    const online = onlineBranch(set.options);
    expect(values(branch.view('view2').projection)).toEqual(values(online.view('view2').projection));
    const loss = () =>
      tf.sum(tf.mul(online.encode(set.images.view1).projection, momentum(set).branch.view('view1').projection));
    const live = reached(set.weights, loss as () => tf.Scalar);
    expect(live).toEqual(['backbone/kernel', 'projector/kernel']);
    expect(() => tf.variableGrads(() => anchored(momentum(set).branch.view('view1').embedding))).toThrow();
  });

  it('encodes a permuted batch under shuffle and puts everything back in order', () => {
    const set = setUp();
    const order = tf.tensor1d([2, 0, 3, 1], 'int32');
    const inverse = tf.tensor1d([1, 3, 0, 2], 'int32');
    const seen: (string | undefined)[] = [];
    const { branch } = momentum(set, (view) => {
      seen.push(view);
      return { order, inverse };
    });
    const plain = momentum(set).branch;
    for (const key of ['map', 'pooled', 'projection', 'embedding'] as const) {
      const [a, b] = [values(branch.view('view2')[key]), values(plain.view('view2')[key])];
      for (const [i, value] of b.entries()) expect(a[i]).toBeCloseTo(value, 6);
    }
    branch.encode(set.images.view1);
    expect(seen).toEqual(['view2', undefined]);
    // Two batches in one pass, as RegionCL's plain and composed images: each is put back by itself.
    const both = tf.concat([set.images.view1, set.images.view2]);
    const pooled = [branch, plain].map((b) => values(b.encode(both).pooled));
    for (const [i, value] of pooled[1]!.entries()) expect(pooled[0]![i]).toBeCloseTo(value, 6);
  });

  it('projects pooled rows without gradient', () => {
    const { options, ...set } = setUp();
    const rows = tf.ones([5, 4]) as tf.Tensor2D;
    expect(momentum({ options, ...set }).branch.project(rows).embedding.shape).toEqual([5, 3]);
    expect(onlineBranch(options).project(rows).embedding.shape).toEqual([5, 3]);
  });
});

describe('stoppedBranch', () => {
  const stopped = (set: ReturnType<typeof setUp>, views: readonly string[]) => {
    const online = onlineBranch(set.options);
    return { online, target: stoppedBranch(set.options, online, views) };
  };

  it('shares the pass of an anchor view, before the predictor', () => {
    const set = setUp();
    const { online, target } = stopped(set, ['view1', 'view2']);
    expect(values(target.view('view1').projection)).toEqual(values(online.view('view1').projection));
    expect(target.view('view1')).toBe(target.view('view1'));
    expect(values(target.view('view2').pooled)).toEqual(values(online.view('view2').pooled));
    expect(set.passes).toHaveLength(2);
  });

  it('passes gradient through the other branch only', () => {
    const set = setUp();
    const loss = () => {
      const { online, target } = stopped(set, ['view1', 'view2']);
      return tf.sum(tf.mul(online.view('view1').embedding, target.view('view1').embedding)) as tf.Scalar;
    };
    expect(reached(set.weights, loss)).toEqual(['backbone/kernel', 'predictor/kernel', 'projector/kernel']);
    // Against a constant copy of the target's values the gradient is the same.
    const copy = tf.tensor(stopped(set, ['view1']).target.view('view1').embedding.arraySync());
    const constant = () => tf.sum(tf.mul(onlineBranch(set.options).view('view1').embedding, copy)) as tf.Scalar;
    const [a, b] = [tf.variableGrads(loss).grads, tf.variableGrads(constant).grads];
    for (const [name, g] of Object.entries(b)) {
      for (const [i, x] of values(g).entries()) expect(values(a[name]!)[i]).toBeCloseTo(x, 5);
    }
  });

  it('passes gradient also where the target is read first', () => {
    const set = setUp();
    const loss = () => {
      const online = onlineBranch({ ...set.options, onTape: captureTape() });
      const target = stoppedBranch(set.options, online, ['view1', 'view2']);
      const constant = withoutTape(() => target.view('view2').embedding);
      return anchored(tf.sub(online.view('view2').embedding, constant));
    };
    expect(reached(set.weights, loss)).toEqual(['backbone/kernel', 'predictor/kernel', 'projector/kernel']);
  });

  it('runs a pass of its own for views that the host does not train on', () => {
    const set = setUp();
    const { target } = stopped(set, ['view1']);
    expect(target.view('view2').embedding.shape).toEqual([4, 3]);
    expect(target.encode(set.images.view2).embedding.shape).toEqual([4, 3]);
    expect(target.project(tf.ones([2, 4])).embedding.shape).toEqual([2, 3]);
  });
});
