import { SslError } from '@contrastive/core';
import fc from 'fast-check';
import { beforeAll, expect, test } from 'vitest';
import { describeTensorFlow, tensorflow } from '../../test/tensorflow.js';
import { DT } from '../native/dtype.js';
import type { EagerBinding } from './binding.js';
import { ATTR, type OpAttr } from './tfjs-binding.js';

const T: OpAttr = { name: 'T', type: ATTR.type, value: DT.float32 };

describeTensorFlow('the eager binding', () => {
  let binding: EagerBinding;
  beforeAll(() => {
    binding = tensorflow().binding;
  });
  const floats = (...values: number[]) => binding.createTensor([values.length], DT.float32, Float32Array.from(values));

  test('runs an operation and gives ids, shapes and types', () => {
    const [a, b] = [floats(1, 2), floats(10, 20)];
    const [sum] = binding.executeOp('AddV2', [T], [a, b], 1);
    expect(sum).toEqual({ id: expect.any(Number), shape: [2], dtype: DT.float32 });
    expect(binding.tensorDataSync(sum!.id)).toEqual(Float32Array.of(11, 22));
    for (const id of [a, b, sum!.id]) binding.deleteTensor(id);
  });

  test('takes lists of inputs and gives as many outputs as there are', () => {
    const ids = [floats(1), floats(2), floats(3)];
    const axis = binding.createTensor([], DT.int32, [0]);
    const n: OpAttr = { name: 'N', type: ATTR.int, value: 3 };
    const [joined] = binding.executeOp(
      'ConcatV2',
      [T, { name: 'Tidx', type: ATTR.type, value: DT.int32 }, n],
      [...ids, axis],
      1,
    );
    expect(binding.tensorDataSync(joined!.id)).toEqual(Float32Array.of(1, 2, 3));
    const num: OpAttr = { name: 'num', type: ATTR.int, value: 3 };
    const parts = binding.executeOp('Unpack', [T, num, { name: 'axis', type: ATTR.int, value: 0 }], [joined!.id], 3);
    expect(parts.map((p) => binding.tensorDataSync(p.id)[0])).toEqual([1, 2, 3]);
    for (const id of [...ids, axis, joined!.id, ...parts.map((p) => p.id)]) binding.deleteTensor(id);
  });

  test('a deleted or unknown tensor is refused wherever it is used', () => {
    const id = floats(1);
    binding.deleteTensor(id);
    const uses = [
      () => binding.deleteTensor(id),
      () => binding.tensorDataSync(id),
      () => binding.executeOp('Neg', [T], [id], 1),
      () => binding.tensorDataSync(1e9),
      () => binding.tensorDataSync(-1),
    ];
    for (const use of uses) expect(use).toThrow(expect.objectContaining({ code: 'DISPOSED' }));
  });

  test('what TensorFlow refuses becomes an error with the operation’s name', () => {
    const id = floats(1, 2);
    const other = floats(1, 2, 3);
    for (const call of [
      () => binding.executeOp('NoSuchOp', [], [], 1),
      () => binding.executeOp('AddV2', [T], [id, other], 1),
      () => binding.executeOp('AddV2', [T], [id], 1),
      () => binding.executeOp('Neg', [T], [id, id], 1),
      () => binding.executeOp('FusedBatchNormV3', [T], [id], 1),
    ]) {
      expect(call).toThrow(SslError);
    }
    expect(() => binding.executeOp('AddV2', [T], [id, other], 1)).toThrow('AddV2: TensorFlow says INVALID_ARGUMENT');
    binding.deleteTensor(id);
    binding.deleteTensor(other);
  });

  test('no call with random arguments does anything but succeed or throw an SslError, and none leaks a tensor', () => {
    const before = binding.getNumOfTensors();
    const anything = fc.oneof(
      fc.anything(),
      fc.integer({ min: -3, max: 20 }),
      fc.array(fc.integer({ min: -2, max: 4 }), { maxLength: 4 }),
    );
    const opName = fc.constantFrom(
      'Neg',
      'AddV2',
      'Reshape',
      'ConcatV2',
      'MatMul',
      'Conv2D',
      'Pack',
      'Unpack',
      'TopKV2',
      'Cast',
      'Slice',

      'Gone',
    );
    const attrName = fc.constantFrom(
      'T',
      'N',
      'axis',
      'Tidx',
      'strides',
      'padding',
      'num',
      'SrcT',
      'DstT',
      'transpose_a',
      'nothing',
    );
    const attr = fc.record({ name: attrName, type: fc.integer({ min: 0, max: 9 }), value: anything });
    const dtype = fc.constantFrom(...Object.values(DT), 99);
    const values = fc.oneof(
      fc.float32Array({ maxLength: 20 }),
      fc.int32Array({ maxLength: 20 }),
      fc.array(fc.integer(), { maxLength: 5 }),
    );
    const held: number[] = [];
    const attempt = (call: () => number[]) => {
      try {
        held.push(...call());
      } catch (error) {
        if (!(error instanceof SslError)) throw error;
      }
    };
    fc.assert(
      fc.property(
        fc.array(anything, { maxLength: 4 }),
        dtype,
        values,
        opName,
        fc.array(attr, { maxLength: 4 }),
        fc.array(fc.nat(40), { maxLength: 4 }),
        (shape, type, data, op, attrs, picks) => {
          attempt(() => [binding.createTensor(shape as number[], type, data)]);
          const inputs = picks.map((pick) => held[pick] ?? pick - 20);
          attempt(() => binding.executeOp(op, attrs, inputs, 1 + ((picks[0] ?? 0) % 4)).map((t) => t.id));
          if (held.length > 30) for (const id of held.splice(0, 10)) binding.deleteTensor(id);
        },
      ),
      { numRuns: 1000 },
    );
    for (const id of held) binding.deleteTensor(id);
    expect(binding.getNumOfTensors()).toBe(before);
  });
});
