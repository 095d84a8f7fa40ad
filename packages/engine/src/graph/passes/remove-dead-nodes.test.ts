import { expect, test } from 'vitest';
import { node, show, stepOf } from '../../../test/graphs.js';
import { removeDeadNodes } from './remove-dead-nodes.js';

test('only what outputs and assignments need stays', () => {
  const nodes = [
    node('x', 'Placeholder'),
    node('h', 'VarHandleOp'),
    node('a', 'Relu', ['x']),
    node('b', 'Neg', ['a']),
    node('c', 'Exp', ['a']),
  ];
  const step = stepOf(nodes, ['b'], { assigns: new Map([['h', 'a']]) });
  expect(show(removeDeadNodes(step))).toEqual(['x = Placeholder()', 'h = VarHandleOp()', 'a = Relu(x)', 'b = Neg(a)']);
});

test('inputs stay though nothing reads them, since they are fed', () => {
  const step = stepOf([node('x', 'Placeholder')], [], { inputs: new Map([['x', 'x']]) });
  expect(show(removeDeadNodes(step))).toEqual(['x = Placeholder()']);
});

test('a second output keeps its node', () => {
  const step = stepOf([node('x', 'Placeholder'), node('s', 'TopKV2', ['x']), node('y', 'Relu', ['s:1'])], ['y']);
  expect(show(removeDeadNodes(step))).toHaveLength(3);
});
