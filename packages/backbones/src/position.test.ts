import { expectClose } from '@contrastive/testing';
import { test } from 'vitest';
import { sinCosCode } from './position.js';

test('codes row and column of a 2×2 grid in 8 numbers', () => {
  const code = sinCosCode(2, 8);
  // spec "hosts" section 14: token (1, 0), then token (0, 1)
  expectClose(code.slice(2 * 8, 3 * 8), [0.841471, 0.01, 0.540302, 0.99995, 0, 0, 1, 1]);
  expectClose(code.slice(1 * 8, 2 * 8), [0, 0, 1, 1, 0.841471, 0.01, 0.540302, 0.99995]);
});

test('codes the first cell by sin 0 and cos 0', () => {
  expectClose(sinCosCode(3, 4).slice(0, 4), [0, 1, 0, 1]);
});
