import { expect, test } from 'vitest';
import { ATTR } from '../eager/tfjs-binding.js';
import { DT } from '../native/dtype.js';
import { encodeAttr, tensorAttr } from './attr-value.js';

const attr = (type: number, value: unknown) => encodeAttr({ name: 'a', type, value });

test('each kind of attribute goes into its field of AttrValue', () => {
  expect([...attr(ATTR.string, 'NHWC')]).toEqual([0x12, 4, ...Buffer.from('NHWC')]);
  expect([...attr(ATTR.int, 5)]).toEqual([0x18, 5]);
  expect([...attr(ATTR.float, 1)]).toEqual([0x25, 0, 0, 0x80, 0x3f]);
  expect([...attr(ATTR.bool, true)]).toEqual([0x28, 1]);
  expect([...attr(ATTR.type, DT.int32)]).toEqual([0x30, 3]);
  expect([...attr(ATTR.int, [1, 2])]).toEqual([0x0a, 4, 0x1a, 2, 1, 2]);
  expect([...attr(ATTR.type, [1, 3])]).toEqual([0x0a, 4, 0x32, 2, 1, 3]);
  expect([...attr(ATTR.shape, [7])]).toEqual([0x3a, 4, 0x12, 2, 0x08, 7]);
});

test('a value that does not fit its kind is an error that names the attribute', () => {
  expect(() => attr(ATTR.int, 'x')).toThrow('attribute a');
  expect(() => attr(ATTR.string, 3)).toThrow('attribute a');
  expect(() => attr(ATTR.resource, 3)).toThrow('attribute a');
});

test('a large constant of one value takes as little room as one value', () => {
  const bytes = (data: Float32Array | Int32Array) => new Uint8Array(data.buffer);
  const shape = [1000];
  expect(tensorAttr({ dtype: DT.float32, shape, bytes: bytes(new Float32Array(1000).fill(2)) }).length).toBeLessThan(
    30,
  );
  expect(tensorAttr({ dtype: DT.int32, shape, bytes: bytes(new Int32Array(1000).fill(-1)) }).length).toBeLessThan(30);
  const other = new Float32Array(1000);
  other[999] = 1;
  expect(tensorAttr({ dtype: DT.float32, shape, bytes: bytes(other) }).length).toBeGreaterThan(4000);
});
