import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import { describe, expect, it } from 'vitest';
import { hostInts, hostScalar, hostTensor } from './host-tensor.js';
import { checkInputs, eagerRuntime, type StepFunction } from './runtime.js';

const example = { x: hostTensor([2], [1, 2]), order: hostInts([1, 0]) };
const step: StepFunction = ({ x, order }) => ({ sum: tf.sum(x!), moved: tf.gather(x!, order!), x: x! });

describe('eagerRuntime', () => {
  it('runs a step and reads its outputs back, with shape and dtype', async () => {
    const compiled = await eagerRuntime.createProgram({}).prepare('demo', step, example);
    const outputs = await compiled.run({ x: hostTensor([2], [3, 5]), order: hostInts([1, 0]) });
    expect(outputs.sum).toEqual(hostScalar(8));
    expect(outputs.moved).toEqual(hostTensor([2], [5, 3]));
    expect(outputs.x).toEqual(hostTensor([2], [3, 5]));
  });

  it('reads back only what is asked for', async () => {
    const compiled = await eagerRuntime.createProgram({}).prepare('demo', step, example);
    expect(Object.keys(await compiled.run(example, ['sum']))).toEqual(['sum']);
  });

  it('changes variables in place and leaves no tensors behind', async () => {
    const count = tf.variable(tf.scalar(0));
    const program = eagerRuntime.createProgram({ count });
    const compiled = await program.prepare(
      'count',
      ({ by }) => {
        count.assign(tf.add(count, by!) as tf.Scalar);
        return { count: tf.mul(count, 1) };
      },
      { by: hostScalar(1) },
    );
    const before = tf.memory().numTensors;
    await compiled.run({ by: hostScalar(2) });
    const { count: seen } = await compiled.run({ by: hostScalar(3) });
    expect(seen!.data[0]).toBe(5);
    expect(tf.memory().numTensors).toBe(before);
    await program.pull();
    expect(count.dataSync()[0]).toBe(5);
    program.dispose();
    expect(count.isDisposed).toBe(false);
    count.dispose();
  });

  it('refuses wrong inputs before it runs', async () => {
    let runs = 0;
    const compiled = await eagerRuntime.createProgram({}).prepare(
      'demo',
      (inputs) => {
        runs++;
        return step(inputs);
      },
      example,
    );
    await expect(compiled.run({ x: example.x })).rejects.toThrow('step demo: order is missing.');
    expect(runs).toBe(0);
  });

  it('frees what a failing step made', async () => {
    const fail: StepFunction = ({ x }) => {
      tf.square(x!);
      throw new Error('inside');
    };
    const compiled = await eagerRuntime.createProgram({}).prepare('demo', fail, example);
    const before = tf.memory().numTensors;
    await expect(compiled.run(example)).rejects.toThrow('inside');
    expect(tf.memory().numTensors).toBe(before);
  });
});

describe('checkInputs', () => {
  it('names everything that is missing, unexpected, or of another shape or dtype', () => {
    const inputs = { x: hostTensor([3], [1, 2, 3]), extra: hostScalar(1) };
    expect(() => checkInputs('demo', example, inputs)).toThrow(
      'step demo: x is float32 [3], expected float32 [2]; order is missing; extra is not an input of this step.',
    );
    expect(() => checkInputs('demo', example, { ...example, x: hostInts([1, 2]) })).toThrow(
      expect.objectContaining({ code: 'SHAPE_MISMATCH' }),
    );
    expect(() => checkInputs('demo', example, example)).not.toThrow();
  });
});
