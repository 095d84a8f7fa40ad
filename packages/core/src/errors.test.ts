import { describe, expect, it } from 'vitest';
import { describeError, SslError } from './errors.js';

describe('SslError', () => {
  it('carries code, hint and cause', () => {
    const cause = new Error('disk');
    const error = new SslError('IO', 'cannot read x', { hint: 'Check the path.', cause });
    expect(error).toBeInstanceOf(Error);
    expect(error).toMatchObject({ name: 'SslError', code: 'IO', message: 'cannot read x', hint: 'Check the path.' });
    expect(error.cause).toBe(cause);
  });

  it('has no cause and no hint unless given', () => {
    const error = new SslError('DATA', 'x');
    expect(error.hint).toBeUndefined();
    expect('cause' in error).toBe(false);
  });
});

describe('describeError', () => {
  it('gives message and hint, one line each', () => {
    expect(describeError(new SslError('IO', 'cannot read x', { hint: 'Check the path.' }))).toBe(
      'cannot read x\n  Check the path.',
    );
    expect(describeError(new SslError('IO', 'cannot read x'))).toBe('cannot read x');
  });

  it('takes anything that can be thrown', () => {
    expect(describeError(new TypeError('plain'))).toBe('plain');
    expect(describeError('text')).toBe('text');
  });
});
