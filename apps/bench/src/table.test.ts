import { expect, it } from 'vitest';
import { labelled, textTable } from './table.js';

it('aligns words to the left and numbers to the right', () => {
  const rows = [
    ['random', '31.2 %', '–'],
    ['moco + reco', '8.9 %', '12 s'],
  ];
  expect(textTable(['encoder', 'kNN', 'time'], rows).split('\n')).toEqual([
    'encoder         kNN  time',
    '-----------  ------  ----',
    'random       31.2 %     –',
    'moco + reco   8.9 %  12 s',
  ]);
});

it('puts values below each other', () => {
  expect(
    labelled([
      ['run', 'a'],
      ['peak memory', '3 MB'],
    ]),
  ).toBe('run           a\npeak memory   3 MB');
});
