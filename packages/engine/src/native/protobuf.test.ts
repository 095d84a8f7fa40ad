import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bytesField, floatField, intField, message, readFields, textOf, varint } from './protobuf.js';

describe('protobuf', () => {
  test('numbers are written seven bits at a time, lowest first', () => {
    // 300 = 0b10_0101100
    expect([...varint(300)]).toEqual([0b1_0101100, 0b0_0000010]);
    expect([...varint(0)]).toEqual([0]);
  });

  test('a negative number takes ten bytes', () => {
    expect([...varint(-1)]).toEqual([255, 255, 255, 255, 255, 255, 255, 255, 255, 1]);
  });

  test('a field begins with its number and wire type', () => {
    expect([...intField(1, 150)]).toEqual([0x08, 0x96, 0x01]); // the example of the format's documentation
    expect([...bytesField(2, 'testing')]).toEqual([0x12, 7, ...Buffer.from('testing')]);
    expect([...floatField(4, 1)]).toEqual([0x25, 0, 0, 0x80, 0x3f]);
    expect([...intField(7, true)]).toEqual([0x38, 1]);
  });

  test('reading gives back what was written', () => {
    const field = fc.integer({ min: 1, max: 10_000 });
    const any = fc.oneof(
      fc.tuple(field, fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })),
      fc.tuple(field, fc.uint8Array({ maxLength: 300 })),
    );
    fc.assert(
      fc.property(fc.array(any), (fields) => {
        const bytes = message(...fields.map(([n, v]) => (typeof v === 'bigint' ? intField(n, v) : bytesField(n, v))));
        expect([...readFields(bytes)].map((f) => [f.field, f.value])).toEqual(fields);
      }),
    );
  });

  test('text is UTF-8', () => {
    const [field] = [...readFields(bytesField(3, 'größe'))];
    expect(textOf(field!.value)).toBe('größe');
  });

  test('groups, which nothing writes any more, are refused', () => {
    expect(() => [...readFields(Uint8Array.of(0x0b))]).toThrow('wire type 3');
  });
});
