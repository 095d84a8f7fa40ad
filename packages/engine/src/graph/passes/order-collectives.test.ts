import { expect, test } from 'vitest';
import { node, stepOf } from '../../../test/graphs.js';
import { orderCollectives } from './order-collectives.js';

test('every collective waits for the one before it', () => {
  const step = stepOf(
    [
      node('x', 'Placeholder', []),
      node('a', 'CollectiveReduceV2', ['x']),
      node('y', 'Square', ['x']),
      node('b', 'CollectiveGatherV2', ['y']),
      node('c', 'CollectiveReduceV2', ['x']),
    ],
    ['a', 'b', 'c'],
  );
  const inputs = Object.fromEntries(orderCollectives(step).nodes.map((n) => [n.name, n.inputs]));
  expect(inputs).toEqual({ x: [], a: ['x'], y: ['x'], b: ['y', '^a'], c: ['x', '^b'] });
});

test('a step without collectives stays as it is', () => {
  const step = stepOf([node('x', 'Placeholder', [])], ['x']);
  expect(orderCollectives(step)).toBe(step);
});
