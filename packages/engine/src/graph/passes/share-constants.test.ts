import { expect, test } from 'vitest';
import { constant, node, show, stepOf } from '../../../test/graphs.js';
import { shareConstants } from './share-constants.js';

test('equal constants become one, in the order of their first use', () => {
  const step = stepOf([constant('a', 1, 2), constant('b', 1, 2), node('y', 'AddV2', ['a', 'b'])], ['y', 'b']);
  const result = shareConstants(step);
  expect(show(result)).toEqual(['a = Const()', 'y = AddV2(a, a)']);
  expect(result.outputs.get('b')).toBe('a');
});

test('the same bytes in another shape, or other bytes, stay apart', () => {
  const flat = constant('a', 1, 2);
  const column = { ...flat, name: 'b', constant: { ...flat.constant!, shape: [2, 1] } };
  const step = stepOf([flat, column, constant('c', 1, 3)], ['a', 'b', 'c']);
  expect(show(shareConstants(step))).toHaveLength(3);
});
