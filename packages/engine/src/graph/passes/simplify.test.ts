import { expect, test } from 'vitest';
import { node, show, stepOf } from '../../../test/graphs.js';
import { DT } from '../../native/dtype.js';
import { simplify } from './simplify.js';

const x = node('x', 'Placeholder');

test('identities, casts to the same type and reshapes to the same shape are removed', () => {
  const step = stepOf(
    [
      x,
      node('i', 'Identity', ['x']),
      node('c', 'Cast', ['i']),
      node('r', 'Reshape', ['c', 's']),
      node('y', 'Relu', ['r']),
    ],
    ['y'],
  );
  expect(show(simplify(step))).toEqual(['x = Placeholder()', 'y = Relu(x)']);
});

test('casts to another type and reshapes to another shape stay', () => {
  const step = stepOf(
    [x, node('c', 'Cast', ['x'], [2, 2], DT.int32), node('r', 'Reshape', ['x', 's'], [4])],
    ['c', 'r'],
  );
  expect(show(simplify(step))).toEqual(show(step));
});

test('of a chain of reshapes the last reads the first one’s input', () => {
  const step = stepOf([x, node('a', 'Reshape', ['x', 's'], [4]), node('b', 'Reshape', ['a', 't'], [1, 4])], ['b']);
  expect(show(simplify(step))).toContain('b = Reshape(x, t)');
});

test('an output or assignment that was an identity means its input', () => {
  const step = stepOf([x, node('i', 'Identity', ['x'])], ['i'], { assigns: new Map([['v', 'i']]) });
  const result = simplify(step);
  expect(result.outputs.get('i')).toBe('x');
  expect(result.assigns.get('v')).toBe('x');
});
