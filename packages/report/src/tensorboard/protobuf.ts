// The few parts of the protocol-buffer wire format that event files need; field numbers are those of tensorflow's event.proto,
// summary.proto and tensor.proto.

/** An encoded field. */
export type Field = Buffer;

/** Unsigned LEB128. */
function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 128) {
    bytes.push((rest % 128) | 128);
    rest = Math.floor(rest / 128);
  }
  return Buffer.from([...bytes, rest]);
}

const key = (field: number, wire: 0 | 1 | 2 | 5): Buffer => varint(field * 8 + wire);

/** int64 or enum, not negative. */
export const int = (field: number, value: number): Field => Buffer.concat([key(field, 0), varint(value)]);

export function double(field: number, value: number): Field {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleLE(value);
  return Buffer.concat([key(field, 1), bytes]);
}

export function float(field: number, value: number): Field {
  const bytes = Buffer.alloc(4);
  bytes.writeFloatLE(value);
  return Buffer.concat([key(field, 5), bytes]);
}

/** String, bytes or an embedded message. */
export function bytes(field: number, value: string | Uint8Array): Field {
  const content = typeof value === 'string' ? Buffer.from(value) : value;
  return Buffer.concat([key(field, 2), varint(content.length), content]);
}

export const message = (field: number, fields: readonly Field[]): Field => bytes(field, Buffer.concat(fields));

/** `repeated double`, packed. */
export function doubles(field: number, values: readonly number[]): Field {
  const content = Buffer.alloc(8 * values.length);
  for (const [i, v] of values.entries()) content.writeDoubleLE(v, 8 * i);
  return bytes(field, content);
}
