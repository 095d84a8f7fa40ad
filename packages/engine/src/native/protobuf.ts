// The wire format of protocol buffers, as far as GraphDef, OpList and ConfigProto need it: a message is a list of fields,
// each a number and either a varint, four or eight bytes, or length-prefixed bytes.

const VARINT = 0;
const EIGHT_BYTES = 1;
const LENGTH_PREFIXED = 2;
const FOUR_BYTES = 5;

const text = new TextEncoder();
const decoder = new TextDecoder();

/** Base-128 number; negative numbers take ten bytes, as the format demands. */
export function varint(value: number | bigint): Uint8Array {
  let rest = BigInt.asUintN(64, BigInt(value));
  const bytes: number[] = [];
  do {
    const low = Number(rest & 127n);
    rest >>= 7n;
    bytes.push(rest > 0n ? low | 128 : low);
  } while (rest > 0n);
  return Uint8Array.from(bytes);
}

/** One message made of already encoded fields. */
export function message(...fields: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(fields.reduce((n, f) => n + f.length, 0));
  let at = 0;
  for (const field of fields) {
    out.set(field, at);
    at += field.length;
  }
  return out;
}

const tag = (field: number, wire: number) => varint((field << 3) | wire);

/** Field of an integer, boolean or enum. */
export const intField = (field: number, value: number | bigint | boolean): Uint8Array =>
  message(tag(field, VARINT), varint(typeof value === 'boolean' ? Number(value) : value));

/** Field of a `float`. */
export function floatField(field: number, value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setFloat32(0, value, true);
  return message(tag(field, FOUR_BYTES), bytes);
}

/** Field of bytes, a string or a nested message. */
export function bytesField(field: number, value: Uint8Array | string): Uint8Array {
  const bytes = typeof value === 'string' ? text.encode(value) : value;
  return message(tag(field, LENGTH_PREFIXED), varint(bytes.length), bytes);
}

/** A decoded field: a number for varints, bytes for everything else. */
export interface Field {
  readonly field: number;
  readonly value: bigint | Uint8Array;
}

/** The fields of a message, in order; nested messages stay bytes. */
export function* readFields(bytes: Uint8Array): Generator<Field> {
  let at = 0;
  const readVarint = (): bigint => {
    if (bytes[at]! < 128) return BigInt(bytes[at++]!);
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes[at++]!;
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return value;
    }
  };
  const take = (length: number) => {
    at += length;
    return bytes.subarray(at - length, at);
  };
  while (at < bytes.length) {
    const head = Number(readVarint());
    const wire = head & 7;
    const field = head >> 3;
    if (wire === VARINT) yield { field, value: readVarint() };
    else if (wire === LENGTH_PREFIXED) yield { field, value: take(Number(readVarint())) };
    else if (wire === FOUR_BYTES || wire === EIGHT_BYTES) yield { field, value: take(wire === FOUR_BYTES ? 4 : 8) };
    else throw new RangeError(`protobuf: wire type ${wire} at byte ${at} is not supported.`);
  }
}

/** The text of a string field. */
export const textOf = (value: bigint | Uint8Array): string => decoder.decode(value as Uint8Array);
