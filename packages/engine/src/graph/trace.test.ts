import { SslError, type StepFunction } from '@contrastive/core';
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { describeTensorFlow, tensorflow } from '../../test/tensorflow.js';
import { DT } from '../native/dtype.js';
import { type ProgramVariable, traceStep } from './trace.js';

const programVariable = (variable: tf.Variable, i = 0): ProgramVariable => ({
  variable,
  sharedName: `v${i}`,
  dtype: DT.float32,
});

const trace = (step: StepFunction, variables: readonly tf.Variable[] = []) =>
  traceStep('test', step, {}, variables.map(programVariable), tensorflow());

const errorOf = (step: StepFunction, variables: readonly tf.Variable[] = []): SslError => {
  try {
    trace(step, variables);
  } catch (error) {
    return error as SslError;
  }
  throw new Error('nothing was thrown');
};

describeTensorFlow('recording a step', () => {
  test('runs nothing: operations, types and shapes are written down', () => {
    const step = trace(() => ({ y: tf.matMul(tf.ones([2, 3]), tf.ones([3, 4])) }));
    expect(step.nodes.map((n) => n.op)).toEqual(['Const', 'Const', 'BatchMatMulV2']);
    expect(step.nodes[2]!.outputs).toEqual([{ dtype: DT.float32, shape: [2, 4] }]);
    expect([...step.outputs]).toEqual([['y', 'n2']]);
  });

  test('leaves every variable with its own value, assigned or not', () => {
    const v = tf.variable(tf.tensor1d([1, 2]));
    const before = tf.memory().numTensors;
    const handles = tensorflow().binding.getNumOfTensors();
    const step = trace(() => {
      v.assign(tf.mul(v, 3));
      return {};
    }, [v]);
    expect(step.assigns.size).toBe(1);
    expect(v.dataSync()).toEqual(Float32Array.of(1, 2));
    expect(tf.memory().numTensors).toBe(before);
    expect(tensorflow().binding.getNumOfTensors()).toBe(handles);
    v.dispose();
  });

  test('a tensor from outside, even one that no operation has used yet, is a constant and stays usable', () => {
    const c = tf.tensor1d([3, 4]);
    const step = trace(() => ({ y: tf.neg(c) }));
    expect([...step.nodes[0]!.constant!.bytes]).toEqual([...new Uint8Array(Float32Array.of(3, 4).buffer)]);
    expect(tf.neg(c).dataSync()).toEqual(Float32Array.of(-3, -4));
    c.dispose();
  });

  test('reading a value is refused, and everything is as before', () => {
    const v = tf.variable(tf.scalar(1));
    const error = errorOf(() => {
      v.assign(tf.add(v, 1));
      return { y: tf.scalar(v.dataSync()[0]!) };
    }, [v]);
    expect(error).toBeInstanceOf(SslError);
    expect(error).toMatchObject({
      code: 'NOT_RECORDABLE',
      message: expect.stringContaining('step test: the step reads'),
    });
    expect(v.dataSync()).toEqual(Float32Array.of(1));
    expect(trace(() => ({ y: tf.neg(v) }), [v]).nodes).toHaveLength(3);
    v.dispose();
  });

  test('a shape that depends on values is refused', () => {
    const unique: StepFunction = () => ({ y: tf.unique(tf.mul(tf.tensor1d([1, 1, 2]), 2)).values });
    expect(errorOf(unique)).toMatchObject({ code: 'NOT_RECORDABLE', message: expect.stringContaining('UniqueV2') });
  });

  test('variables that are not the program’s may be neither read nor assigned nor made', () => {
    const other = tf.variable(tf.scalar(5), true, 'stranger');
    expect(errorOf(() => ({ y: tf.neg(other) }))).toMatchObject({
      message: expect.stringContaining('reads variable stranger'),
    });
    const assigns: StepFunction = () => {
      other.assign(tf.scalar(6));
      return {};
    };
    expect(errorOf(assigns)).toMatchObject({ message: expect.stringContaining('assigns variable stranger') });
    expect(other.dataSync()).toEqual(Float32Array.of(5));
    const makes: StepFunction = () => ({ y: tf.variable(tf.scalar(1), true, 'fresh') });
    expect(errorOf(makes)).toMatchObject({ code: 'NOT_RECORDABLE', message: expect.stringContaining('fresh') });
    expect(tf.engine().registeredVariables.fresh).toBeUndefined();
    other.dispose();
  });

  test('a tensor that escapes the step has no value and says so', () => {
    let escaped: tf.Tensor | undefined;
    trace(() => {
      escaped = tf.keep(tf.neg(tf.scalar(1)));
      return {};
    });
    expect(() => escaped!.dataSync()).toThrow('belongs to a step that was recorded');
    escaped!.dispose();
  });

  test('an operation that TensorFlow refuses is an error that names step and operation', () => {
    const bad: StepFunction = () => ({
      y: tf.engine().runKernel('Cholesky', { input: tf.ones([2, 3]) }) as unknown as tf.Tensor,
    });
    expect(errorOf(bad)).toMatchObject({ code: 'BACKEND', message: expect.stringMatching(/step test: Cholesky/) });
  });

  test('recording inside recording is refused', () => {
    const nested: StepFunction = () => {
      trace(() => ({}));
      return {};
    };
    expect(errorOf(nested)).toMatchObject({ code: 'NOT_RECORDABLE' });
  });

  test('errors of the step itself pass through', () => {
    const boom = new Error('boom');
    expect(() =>
      trace(() => {
        throw boom;
      }),
    ).toThrow(boom);
  });
});
