import { describe, expect, it } from 'vitest';
import { hostInts, hostScalar, hostTensor } from './host-tensor.js';

describe('hostTensor', () => {
  it('keeps typed arrays without a copy and converts lists', () => {
    const floats = Float32Array.of(1, 2);
    expect(hostTensor([2], floats).data).toBe(floats);
    const ints = Int32Array.of(1, 2);
    expect(hostTensor([2], ints)).toMatchObject({ dtype: 'int32', data: ints });
    expect(hostTensor([1, 2], [1.5, 2])).toEqual({ shape: [1, 2], dtype: 'float32', data: Float32Array.of(1.5, 2) });
  });

  it('converts to the dtype asked for', () => {
    expect(hostTensor([2], Int32Array.of(1, 2), 'float32')).toMatchObject({
      dtype: 'float32',
      data: Float32Array.of(1, 2),
    });
    expect(hostTensor([1], Float32Array.of(3), 'int32')).toMatchObject({ dtype: 'int32', data: Int32Array.of(3) });
  });

  it('holds one value for a scalar and none for an empty side', () => {
    expect(hostTensor([] as never, [4]).data).toEqual(Float32Array.of(4));
    expect(hostTensor([0, 3], []).data).toHaveLength(0);
  });

  it('refuses a shape that does not hold the values', () => {
    expect(() => hostTensor([2, 2], [1, 2, 3])).toThrow(/shape \[2,2\] holds 4 values, but 3 were given/);
    expect(() => hostTensor([2], [1])).toThrow(expect.objectContaining({ code: 'SHAPE_MISMATCH' }));
  });
});

describe('short forms', () => {
  it('make float scalars and integer vectors', () => {
    expect(hostScalar(0.5)).toEqual({ shape: [], dtype: 'float32', data: Float32Array.of(0.5) });
    expect(hostInts([2, 0, 1])).toEqual({ shape: [3], dtype: 'int32', data: Int32Array.of(2, 0, 1) });
    const order = Int32Array.of(1, 0);
    expect(hostInts(order).data).toBe(order);
  });
});
