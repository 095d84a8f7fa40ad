import { describe, expect, it } from 'vitest';
import { crc32c, tfRecord } from './event-file.js';

describe('crc32c', () => {
  it('gives the check values of RFC 3720, appendix B.4', () => {
    expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283);
    expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa);
    expect(crc32c(new Uint8Array(32).fill(0xff))).toBe(0x62a8ab43);
  });
});

describe('tfRecord', () => {
  it('frames data with its length and masked checksums of both', () => {
    const record = tfRecord(Buffer.from('abc'));
    expect(record.readBigUInt64LE(0)).toBe(3n);
    expect(record.toString('latin1', 12, 15)).toBe('abc');
    const crc = crc32c(Buffer.from('abc'));
    const rotated = ((crc >>> 15) | (crc << 17)) >>> 0;
    expect(record.readUInt32LE(15)).toBe((rotated + 0xa282ead8) % 2 ** 32);
    expect(record.length).toBe(19);
  });
});
