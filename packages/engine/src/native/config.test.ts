import { expect, test } from 'vitest';
import { encodeConfig } from './config.js';
import { readFields } from './protobuf.js';

const decode = (bytes: Uint8Array) => Object.fromEntries([...readFields(bytes)].map((f) => [f.field, f.value]));

test('without options only memory growth and soft placement are set', () => {
  expect(decode(encodeConfig({}))).toEqual({ 6: Uint8Array.of(0x20, 1), 7: 1n });
});

test('threads are set by their fields of ConfigProto', () => {
  const fields = decode(encodeConfig({ intraOpThreads: 3, interOpThreads: 1, ownThreads: true }));
  expect(fields).toMatchObject({ 2: 3n, 5: 1n, 9: 1n });
});
