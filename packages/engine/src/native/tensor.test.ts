import { SslError } from '@contrastive/core';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { describeTensorFlow, tensorflow } from '../../test/tensorflow.js';
import { DT } from './dtype.js';
import { allocate, allocateStrings, readTensor } from './tensor.js';

describeTensorFlow('native tensors', () => {
  const roundTrip = (shape: number[], dtype: number, values: ArrayBufferView) => {
    const { api } = tensorflow();
    const tensor = allocate(api, shape, dtype, values);
    const value = readTensor(api, tensor);
    api.deleteTensor(tensor);
    return value;
  };

  test('floats and integers of any shape come back unchanged', () => {
    const shape = fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 4 });
    fc.assert(
      fc.property(shape, fc.boolean(), fc.integer(), (dims, isFloat, seed) => {
        const size = dims.reduce((a, b) => a * b, 1);
        const numbers = Array.from({ length: size }, (_, i) => (seed + i * 7919) % 100_000);
        const data = isFloat ? Float32Array.from(numbers) : Int32Array.from(numbers);
        const dtype = isFloat ? DT.float32 : DT.int32;
        expect(roundTrip(dims, dtype, data)).toEqual({ dtype, shape: dims, data });
      }),
    );
  });

  test('shared memory is copied like any other', () => {
    const data = new Float32Array(new SharedArrayBuffer(8));
    data.set([3, 4]);
    expect(roundTrip([2], DT.float32, data).data).toEqual(Float32Array.of(3, 4));
  });

  test('a view into a larger array gives its own part', () => {
    const data = Int32Array.of(1, 2, 3, 4).subarray(1, 3);
    expect(roundTrip([2], DT.int32, data).data).toEqual(Int32Array.of(2, 3));
  });

  test('strings come back unchanged, short and long', () => {
    const { api } = tensorflow();
    const values = ['', 'a', 'x'.repeat(100)].map((s) => new TextEncoder().encode(s));
    const tensor = allocateStrings(api, [3], values);
    expect(readTensor(api, tensor)).toEqual({ dtype: DT.string, shape: [3], data: values });
    api.deleteTensor(tensor);
  });

  test('a wrong number of bytes is refused with both numbers', () => {
    const { api } = tensorflow();
    expect(() => allocate(api, [2, 3], DT.float32, new Float32Array(5))).toThrow(
      'float32 [2,3] takes 24 bytes, but 20 were given',
    );
    expect(() => allocateStrings(api, [2], [])).toThrow('string [2] takes 2 values, not 0');
  });

  test('what is no shape is refused', () => {
    const { api } = tensorflow();
    const tooMany = new Array(300).fill(1);
    for (const shape of [[-1], [1.5], [Number.NaN], [2 ** 40, 2 ** 40], tooMany, 'x' as unknown as number[]]) {
      expect(() => allocate(api, shape, DT.float32, new Float32Array(1))).toThrow(SslError);
    }
  });

  test('types without a fixed size are refused', () => {
    expect(() => allocate(tensorflow().api, [], DT.resource, new Uint8Array(8))).toThrow('resource');
  });
});
