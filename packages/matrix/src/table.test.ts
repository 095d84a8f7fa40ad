import { describe, expect, it } from 'vitest';
import type { CellResult } from './run.js';
import { aligned, matrixPage } from './table.js';

const cell = (methods: string, host: string, rest: Partial<CellResult> = {}): CellResult => ({
  ...{ methods, host, isSupported: true, checks: [{ check: 'fits', outcome: 'passed' }] },
  ...rest,
});

describe('matrixPage', () => {
  it('marks what passed and what failed, and numbers each reason once', () => {
    const refused = { isSupported: false, reason: '[b] no negatives.' };
    const page = matrixPage([
      cell('a', 'moco'),
      cell('a', 'byol', { checks: [{ check: 'fits', outcome: 'failed', message: 'no' }] }),
      cell('b', 'moco', refused),
      cell('b', 'byol', refused),
    ]);
    expect(page).toContain('| a   | ✓    | ✗    |\n| b   | [1]  | [1]  |');
    expect(page).toContain('\n1. [b] no negatives.\n\n');
    expect(page).not.toContain('2. ');
  });
});

describe('aligned', () => {
  it('gives columns of equal width', () => {
    expect(
      aligned([
        ['', 'name'],
        ['x', 'y'],
      ]),
    ).toBe('|     | name |\n| --- | ---- |\n| x   | y    |');
  });
});
