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

test('a hidden GPU, XLA and a worker are set by their fields of ConfigProto', () => {
  const fields = decode(encodeConfig({ device: 'cpu', xla: true, worker: { rank: 1 } }));
  expect(fields[1]).toEqual(Uint8Array.of(0x0a, 3, ...Buffer.from('GPU'), 0x10, 0));
  expect(fields[10]).toEqual(Uint8Array.of(0x1a, 2, 0x28, 1));
  expect(Buffer.from(fields[4] as Uint8Array).toString()).toBe('/job:worker/task:1');
  expect(decode(encodeConfig({ device: 'gpu' }))).not.toHaveProperty('1');
});

test('a worker uses its own devices, and the first one brings collectives together', () => {
  const fields = decode(encodeConfig({ worker: { rank: 2 } }));
  expect(new TextDecoder().decode(fields[4] as Uint8Array)).toBe('/job:worker/task:2');
  expect(fields[15]).toBe(1n); // isolate_session_state
  const experimental = decode(fields[16] as Uint8Array);
  expect(new TextDecoder().decode(experimental[1] as Uint8Array)).toBe('/job:worker/replica:0/task:0');
  expect(experimental[7]).toBe(1n); // collective_nccl
});
