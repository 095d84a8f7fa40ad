import { SslError } from '@contrastive/core';
import { describe, expect, it, vi } from 'vitest';
import { reportError } from './exit.js';

/** What `reportError` prints and gives. */
function report(error: unknown, json = false) {
  const print = vi.spyOn(console, 'error').mockImplementation(() => undefined);
  const code = reportError(error, { json });
  const lines = print.mock.calls.map(([text]) => text as string);
  print.mockRestore();
  return { code, lines };
}

describe('reportError', () => {
  it('prints one line of message and hint', () => {
    const error = new SslError('DATA', 'No images:\n  a.jpg: broken', { hint: 'Repair them.\n  While: x' });
    expect(report(error)).toEqual({
      code: 2,
      lines: ['error: No images: a.jpg: broken Repair them. While: x'],
    });
  });

  it('prints one line of JSON', () => {
    const { lines } = report(new SslError('IO', 'Full.', { hint: 'Free\nspace.' }), true);
    expect(lines.map((line) => JSON.parse(line))).toEqual([
      { error: { code: 'IO', message: 'Full.', hint: 'Free space.' } },
    ]);
  });

  it('tells wrong input, failed work and a missing library apart', () => {
    const codes = ['USAGE', 'BAD_OPTION', 'INCOMPATIBLE', 'DATA', 'RUN_BUSY', 'BACKEND_MISSING', 'IO', 'NOT_FINITE'];
    expect(codes.map((code) => report(new SslError(code as 'IO', 'x')).code)).toEqual([2, 2, 2, 2, 2, 3, 1, 1]);
  });

  it('knows errors of packages that may not import core, and shows where an unforeseen one came from', () => {
    const alike = Object.assign(new Error('No images.'), { code: 'DATA', hint: 'Check.' });
    expect(report(alike)).toEqual({ code: 2, lines: ['error: No images. Check.'] });
    const { code, lines } = report(new TypeError('x is undefined'));
    expect(code).toBe(1);
    expect(lines[0]).toBe('error: x is undefined');
    expect(lines[1]).toContain('exit.test.ts');
  });
});
