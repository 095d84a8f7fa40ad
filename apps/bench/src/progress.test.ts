import { afterEach, describe, expect, it, vi } from 'vitest';
import { createProgress, duration, type Progress, progressLine, progressText } from './progress.js';

const state: Progress = {
  ...{ epoch: 3, epochs: 200, step: 13, steps: 39, loss: 5.43217, learningRate: 0.0299, imagesPerSecond: 812.4 },
  ...{ dataWait: 0.031, secondsLeft: 3725 },
};

/** A stream that keeps what is written. */
function fakeStream(isTTY: boolean, columns = 80) {
  const written: string[] = [];
  const stream = { isTTY, columns, write: (text: string) => written.push(text) > 0 };
  return { stream: stream as unknown as NodeJS.WriteStream, written };
}

afterEach(() => vi.unstubAllEnvs());

describe('duration', () => {
  it('says seconds, minutes and hours', () => {
    expect([0, 59.4, 60, 190, 3600, 7500].map(duration)).toEqual([
      ...['0 s', '59 s', '1 min 00 s', '3 min 10 s', '1 h 00 min', '2 h 05 min'],
    ]);
    expect(duration(Number.POSITIVE_INFINITY)).toBe('?');
  });
});

describe('progressLine', () => {
  it('shows everything with a bar where there is room', () => {
    expect(progressLine(state, 120)).toBe(
      '[####--------] epoch 3/200  13/39  loss 5.4322  lr 0.0299  812 img/s  wait 3 %  1 h 02 min left',
    );
  });

  it('leaves out the bar first, then what matters least, and never exceeds the columns', () => {
    const wide = { ...state, imagesPerSecond: 10812 };
    expect(progressLine(wide, 79)).toBe('epoch 3/200  13/39  loss 5.4322  10812 img/s  wait 3 %  1 h 02 min left');
    expect(progressLine(wide, 40)).toBe('epoch 3/200  loss 5.4322');
    expect(progressLine(wide, 45)).toBe('epoch 3/200  loss 5.4322  1 h 02 min left');
    for (let columns = 1; columns < 130; columns++)
      expect(progressLine(state, columns).length).toBeLessThanOrEqual(columns);
  });

  it('has no bar in a plain line', () => {
    expect(progressText(state)).toBe(
      'epoch 3/200  13/39  loss 5.4322  lr 0.0299  812 img/s  wait 3 %  1 h 02 min left',
    );
  });
});

describe('createProgress', () => {
  it('writes one line over on a terminal, at most ten times a second and within its columns', () => {
    let now = 0;
    const { stream, written } = fakeStream(true, 80);
    const output = createProgress(stream, () => now);
    output.update(state);
    now = 50;
    output.update(state);
    now = 150;
    output.update({ ...state, step: 39 });
    expect(written).toHaveLength(2);
    for (const text of written) {
      expect(text.startsWith('\r\x1b[K')).toBe(true);
      expect(text.slice(4).length).toBeLessThan(80);
      expect(text).not.toContain('\n');
    }
    output.message('hello');
    expect(written.slice(2)).toEqual(['\r\x1b[K', 'hello\n']);
    output.end();
    expect(written).toHaveLength(4);
  });

  it('writes plain lines elsewhere: each epoch, each message, and one in half a minute', () => {
    let now = 0;
    const { stream, written } = fakeStream(false);
    const output = createProgress(stream, () => now);
    output.status('decoding images  1/9');
    output.update(state);
    expect(written).toEqual([]);
    now = 30_000;
    output.update(state);
    output.update(state);
    output.epoch(state);
    expect(written).toEqual([`${progressText(state)}\n`, `${progressText(state)}\n`]);
    expect(written.join('')).not.toContain('\x1b');
  });

  it('keeps a message on one line, whatever a file is called', () => {
    const { stream, written } = fakeStream(false);
    createProgress(stream).message('  a\nb\u001b[2J.jpg: empty');
    expect(written).toEqual(['  a\\nb\\u001b[2J.jpg: empty\n']);
  });

  it('takes a terminal that cannot move its cursor for a plain file', () => {
    vi.stubEnv('TERM', 'dumb');
    const { stream, written } = fakeStream(true);
    createProgress(stream).update(state);
    expect(written).toEqual([]);
  });

  it('uses no colours, with or without NO_COLOR', () => {
    for (const value of ['', '1']) {
      vi.stubEnv('NO_COLOR', value);
      const { stream, written } = fakeStream(true);
      const output = createProgress(stream);
      output.update(state);
      output.epoch(state);
      output.end();
      expect(written.join('')).not.toMatch(new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`));
    }
  });
});
