import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SslError } from './errors.js';
import { type HostTensors, hostTensor } from './host-tensor.js';
import { decodeSafetensors, encodeSafetensors } from './safetensors.js';

const example: HostTensors = {
  weight: hostTensor([2, 2], [1, -2.5, 0, 3], 'float32'),
  pointer: hostTensor([] as never, [7], 'int32'),
  empty: hostTensor([0, 3], [], 'float32'),
};

/** A file with this header text and these bytes of values. */
function file(header: string, values = 0, claimed?: number): Uint8Array {
  const json = new TextEncoder().encode(header);
  const bytes = new Uint8Array(8 + json.length + values);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(claimed ?? json.length), true);
  bytes.set(json, 8);
  return bytes;
}
const entry = (begin: number, end: number, shape: unknown = [(end - begin) / 4], dtype: unknown = 'F32') =>
  JSON.stringify({ dtype, shape, data_offsets: [begin, end] });

describe('encodeSafetensors', () => {
  it('writes the layout of the format byte by byte', () => {
    const bytes = encodeSafetensors({ tensors: { a: hostTensor([1], [1], 'float32') }, metadata: {} });
    const header = '{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}';
    expect(new DataView(bytes.buffer).getBigUint64(0, true)).toBe(56n); // 54 bytes and 2 spaces
    expect(new TextDecoder().decode(bytes.subarray(8, 64))).toBe(`${header}  `);
    expect([...bytes.subarray(64)]).toEqual([0, 0, 0x80, 0x3f]);
  });

  it('gives equal bytes for equal content, whatever the order of names', () => {
    const reversed = Object.fromEntries(Object.entries(example).reverse());
    const metadata = { b: '1', a: '2' };
    expect(encodeSafetensors({ tensors: reversed, metadata: { a: '2', b: '1' } })).toEqual(
      encodeSafetensors({ tensors: example, metadata }),
    );
  });

  it('refuses what it could not write truthfully', () => {
    const wrong = { shape: [3], dtype: 'float32', data: new Float32Array(2) } as never;
    expect(() => encodeSafetensors({ tensors: { wrong }, metadata: {} })).toThrow(/wrong has shape \[3\] but 2 values/);
    expect(() => encodeSafetensors({ tensors: { __metadata__: example.weight! }, metadata: {} })).toThrow(
      expect.objectContaining({ code: 'CHECKPOINT' }),
    );
  });
});

describe('decodeSafetensors', () => {
  it('reads back what was written', () => {
    const given = { tensors: example, metadata: { run: 'α "quoted"', version: '1' } };
    expect(decodeSafetensors(encodeSafetensors(given))).toEqual(given);
  });

  it('reads back any names, texts, shapes and values, from any place in memory', () => {
    const shape = fc.array(fc.nat(3), { maxLength: 3 });
    const tensor = fc.tuple(shape, fc.boolean(), fc.nat()).map(([dims, isFloat, seed]) => {
      const size = dims.reduce((a, b) => a * b, 1);
      const values = Array.from({ length: size }, (_, i) => ((seed + i) % 1000) - 500);
      return hostTensor(dims as never, values, isFloat ? 'float32' : 'int32');
    });
    const names = fc.string().filter((name) => name !== '__metadata__');
    fc.assert(
      fc.property(
        fc.array(fc.tuple(names, tensor), { maxLength: 6 }),
        fc.array(fc.tuple(fc.string(), fc.string()), { maxLength: 4 }),
        fc.nat(7),
        (tensors, metadata, offset) => {
          const given = { tensors: Object.fromEntries(tensors), metadata: Object.fromEntries(metadata) };
          const bytes = encodeSafetensors(given);
          const moved = new Uint8Array(offset + bytes.length).subarray(offset);
          moved.set(bytes);
          expect(decodeSafetensors(moved)).toEqual(given);
        },
      ),
    );
  });

  it('copies the values also out of an array whose slice is a view, as that of Node’s Buffer is', () => {
    class Viewing extends Uint8Array {
      override slice(begin?: number, end?: number) {
        return this.subarray(begin, end) as Uint8Array<ArrayBuffer>;
      }
    }
    const bytes = encodeSafetensors({ tensors: { a: hostTensor([2], [1, 2]), b: hostTensor([1], [3]) }, metadata: {} });
    const { tensors } = decodeSafetensors(new Viewing(bytes));
    expect([...tensors.a!.data, ...tensors.b!.data]).toEqual([1, 2, 3]);
  });

  it('keeps every bit of floats', () => {
    const data = Float32Array.of(Number.NaN, Number.POSITIVE_INFINITY, -0, 1e-45);
    const bytes = encodeSafetensors({ tensors: { x: hostTensor([4], data) }, metadata: {} });
    const read = decodeSafetensors(bytes).tensors.x!.data;
    expect([...new Uint32Array(read.buffer)]).toEqual([...new Uint32Array(data.buffer)]);
  });

  it.each([
    ['fewer than 8 bytes', new Uint8Array(7), /7 bytes, fewer than the 8/],
    ['a header longer than the file', file('{}', 0, 3), /claims 3 bytes, but only 2 follow/],
    ['a header above the limit', file('{}', 0, 100_000_001), /at most 100000000/],
    ['a length that is no safe integer', file('{}', 0, Number.MAX_SAFE_INTEGER), /at most 100000000/],
    ['bad JSON', file('{"a":'), /not JSON/],
    ['bad UTF-8', new Uint8Array([4, 0, 0, 0, 0, 0, 0, 0, 0x7b, 0xff, 0x22, 0x7d]), /not JSON/],
    ['a header that is a list', file('[]'), /not a JSON object/],
    ['a name given twice', file(`{"a":${entry(0, 4)},"a":${entry(0, 4)}}`, 4), /a name twice/],
    ['a field given twice', file('{"a":{"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]}}', 4), /twice/],
    ['a name given twice in two spellings', file(`{"a":${entry(0, 4)},"\\u0061":${entry(0, 4)}}`, 4), /a name twice/],
    ['overlapping tensors', file(`{"a":${entry(0, 8)},"b":${entry(4, 12)}}`, 12), /b begins at byte 4.*expected 8/],
    ['a gap', file(`{"a":${entry(4, 8)}}`, 8), /a begins at byte 4.*expected 0/],
    ['missing values', file(`{"a":${entry(0, 8)}}`, 4), /need 8 bytes, but 4 follow/],
    ['left-over values', file(`{"a":${entry(0, 4)}}`, 5), /need 4 bytes, but 5 follow/],
    ['offsets that run backwards', file(`{"a":${entry(8, 4, [1])}}`, 8), /needs 4 bytes, but has -4/],
    ['a shape that does not fit', file(`{"a":${entry(0, 4, [2])}}`, 4), /needs 8 bytes, but has 4/],
    ['a negative size', file(`{"a":${entry(0, 4, [-1])}}`, 4), /not a list of sizes/],
    ['a fractional offset', file(`{"a":${entry(0, 4.5, [1])}}`, 4), /not two byte positions/],
    ['another dtype', file(`{"a":${entry(0, 4, [2], 'F16')}}`, 4), /dtype F16, only F32 and I32/],
    ['an unknown field', file('{"a":{"dtype":"F32","shape":[],"data_offsets":[0,4],"x":1}}', 4), /unknown field x/],
    ['an entry that is no object', file('{"a":1}'), /entry of a is not an object/],
    ['a deeply nested header', file(`{"a":${'['.repeat(50_000)}${']'.repeat(50_000)}}`), /entry of a is not an object/],
    ['metadata that is no text', file('{"__metadata__":{"a":1}}'), /not a record of texts/],
  ])('refuses %s', (_what, bytes, message) => {
    const read = () => decodeSafetensors(bytes);
    expect(read).toThrow(message);
    expect(read).toThrow(expect.objectContaining({ code: 'CHECKPOINT' }));
  });

  it('refuses every shortened file', () => {
    const bytes = encodeSafetensors({ tensors: example, metadata: { a: 'b' } });
    for (let length = 0; length < bytes.length; length++) {
      expect(() => decodeSafetensors(bytes.subarray(0, length))).toThrow(SslError);
    }
  });

  it('either reads a file with changed bytes or says what is wrong, and never fails otherwise', () => {
    const bytes = encodeSafetensors({ tensors: example, metadata: { a: 'b' } });
    const edits = fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(edits, (changes) => {
        const changed = bytes.slice();
        for (const [at, value] of changes) changed[at] = value;
        try {
          decodeSafetensors(changed);
        } catch (error) {
          expect(error).toBeInstanceOf(SslError);
        }
      }),
      { numRuns: 500 },
    );
  });
});
