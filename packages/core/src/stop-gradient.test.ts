import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import { describe, expect, it } from 'vitest';
import { captureTape, recompute, stopGradient, withoutTape } from './stop-gradient.js';

const values = (t: tf.Tensor) => Array.from(t.dataSync());
const first = tf.tensor2d([
  [0.3, -0.7, 1.1],
  [0.9, 0.2, -0.4],
]);
const kernel = tf.tensor2d([
  [0.5, -1],
  [0.25, 0.75],
  [-0.6, 0.1],
]);
const layer = (x: tf.Tensor, w: tf.Tensor) => tf.tanh(tf.matMul(x as tf.Tensor2D, w as tf.Tensor2D));

describe('withoutTape', () => {
  it('gives the values but no gradient', () => {
    const f = (x: tf.Tensor) =>
      tf.sum(
        tf.mul(
          x,
          withoutTape(() => tf.square(x)),
        ),
      );
    expect(values(tf.grad(f)(tf.tensor1d([2, 3])))).toEqual([4, 9]); // 3x² if the square were recorded
  });

  it('allows gradients inside and leaves the outer tape whole', () => {
    const f = (x: tf.Tensor) => {
      const doubled = tf.mul(x, 2);
      const slope = withoutTape(() => tf.grad((y) => tf.sum(tf.square(y)))(x)); // 2x, constant
      return tf.sum(tf.mul(doubled, slope));
    };
    expect(values(tf.grad(f)(tf.tensor1d([2, 3])))).toEqual([8, 12]);
  });

  it('switches recording on again after an error', () => {
    const f = (x: tf.Tensor) => {
      expect(() =>
        withoutTape(() => {
          throw new Error('inside');
        }),
      ).toThrow('inside');
      return tf.sum(tf.square(x));
    };
    expect(values(tf.grad(f)(tf.tensor1d([2])))).toEqual([4]);
  });

  it('keeps nothing for the backward pass', () => {
    const before = tf.memory().numTensors;
    tf.tidy(() => {
      tf.grad((x) => {
        const inside = tf.memory().numTensors;
        withoutTape(() => tf.tidy(() => tf.square(tf.square(x)).dispose()));
        expect(tf.memory().numTensors).toBe(inside);
        return tf.sum(x);
      })(first);
    });
    expect(tf.memory().numTensors).toBe(before);
  });
});

describe('stopGradient', () => {
  it('has the gradient of a constant', () => {
    expect(values(tf.grad((x) => tf.sum(tf.mul(x, stopGradient(x))))(tf.tensor1d([2, -3])))).toEqual([2, -3]);
  });

  it('keeps the old values when a variable is assigned later', () => {
    const v = tf.variable(tf.tensor1d([1, 2]));
    const before = stopGradient(v);
    v.assign(tf.tensor1d([5, 6]));
    expect(values(before)).toEqual([1, 2]);
    v.dispose();
  });
});

describe('recompute', () => {
  const direct = (x: tf.Tensor, w: tf.Tensor) => tf.sum(tf.square(tf.sigmoid(layer(x, w))));
  const expectSame = (a: tf.Tensor[], b: tf.Tensor[]) => {
    a.forEach((t, i) => {
      for (const [j, value] of values(t).entries()) expect(value).toBeCloseTo(values(b[i]!)[j]!, 6);
    });
  };

  it('has the value and the gradients of the function itself', () => {
    const checked = (x: tf.Tensor, w: tf.Tensor) =>
      tf.sum(tf.square(recompute((a: tf.Tensor, b: tf.Tensor) => tf.sigmoid(layer(a, b)))(x, w)));
    expect(values(checked(first, kernel))).toEqual(values(direct(first, kernel)));
    expectSame(tf.grads(checked)([first, kernel]), tf.grads(direct)([first, kernel]));
  });

  it('agrees with finite differences', () => {
    const f = (w: tf.Tensor) => tf.sum(recompute(layer)(first, w));
    const gradient = values(tf.grad(f)(kernel));
    const h = 1e-2;
    gradient.forEach((g, i) => {
      const step = tf.tensor2d(
        gradient.map((_, j) => (i === j ? h : 0)),
        [3, 2],
      );
      const slope = (values(f(tf.add(kernel, step)))[0]! - values(f(tf.sub(kernel, step)))[0]!) / (2 * h);
      expect(g).toBeCloseTo(slope, 3);
    });
  });

  it('gives gradients to variables that are passed as inputs', () => {
    const w = tf.variable(kernel);
    const { grads } = tf.variableGrads(() => tf.sum(recompute(layer)(first, w)) as tf.Scalar, [w]);
    expectSame([grads[w.name]!], [tf.grad((k) => tf.sum(layer(first, k)))(kernel)]);
    w.dispose();
  });

  it('may be nested and chained', () => {
    const square = tf.tensor2d([
      [0.4, -0.3],
      [0.8, 0.6],
    ]);
    const plain = (x: tf.Tensor, w: tf.Tensor, s: tf.Tensor) => tf.sum(layer(layer(layer(x, w), s), s));
    const two = recompute((x: tf.Tensor, w: tf.Tensor, s: tf.Tensor) => layer(recompute(layer)(x, w), s));
    const nested = (x: tf.Tensor, w: tf.Tensor, s: tf.Tensor) => tf.sum(recompute(layer)(two(x, w, s), s));
    expectSame(tf.grads(nested)([first, kernel, square]), tf.grads(plain)([first, kernel, square]));
  });

  it('passes integer tensors through, in the order given, and gives unused tensors a zero gradient', () => {
    const pick = recompute((order: tf.Tensor, x: tf.Tensor, _unused: tf.Tensor) => tf.mul(tf.gather(x, order), 2));
    const order = tf.tensor1d([1, 1, 0], 'int32');
    const [dx, dw] = tf.grads((x, w) => tf.sum(pick(order, x, w)))([first, kernel]);
    expect(values(dx!)).toEqual([2, 2, 2, 4, 4, 4]);
    expect(values(dw!)).toEqual([0, 0, 0, 0, 0, 0]);
  });

  it('calls the replay, if there is one, in the second run only', () => {
    const runs: string[] = [];
    const named = (name: string) => (x: tf.Tensor) => {
      runs.push(name);
      return tf.square(x);
    };
    tf.grad((x) => tf.sum(recompute(named('fn'), named('replay'))(x)))(first);
    expect(runs).toEqual(['fn', 'replay']);
  });

  it('leaves no tensors behind', () => {
    const before = tf.memory().numTensors;
    const nested = recompute((x: tf.Tensor) => recompute((y: tf.Tensor) => tf.square(y))(tf.sin(x)));
    tf.tidy(() => {
      tf.grad((x) => tf.sum(nested(x)))(first);
    });
    expect(tf.memory().numTensors).toBe(before);
  });

  it('needs a float32 input', () => {
    const cast = recompute((x: tf.Tensor) => tf.cast(x, 'float32'));
    expect(() => cast(tf.tensor1d([1], 'int32'))).toThrow(expect.objectContaining({ code: 'SHAPE_MISMATCH' }));
  });
});

describe('captureTape', () => {
  it('records on the captured tape from inside withoutTape, and nothing around it', () => {
    const f = (x: tf.Tensor) => {
      const onTape = captureTape();
      return withoutTape(() => {
        const live = onTape(() => tf.square(x));
        const constant = tf.square(x);
        return onTape(() => tf.sum(tf.mul(live, constant)));
      });
    };
    expect(values(tf.grad(f)(tf.tensor1d([1, 2])))).toEqual([2, 16]); // 2x · x²; 4x³ if both were recorded
  });
});
