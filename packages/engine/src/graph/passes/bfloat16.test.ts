import { expect, test } from 'vitest';
import { constant, node, show, stepOf } from '../../../test/graphs.js';
import { DT } from '../../native/dtype.js';
import { typeAttr } from '../attr-value.js';
import type { GraphNode } from '../node.js';
import { bfloat16 } from './bfloat16.js';

const handle = (name: string): GraphNode => node(name, 'VarHandleOp', [], [], DT.resource);
const read = (name: string, of: string, shape = [2, 2]): GraphNode => node(name, 'ReadVariableOp', [of], shape);
const x = node('x', 'Placeholder', [], [1, 4, 4, 3]);
const trainable = new Set(['w']);
const isBfloat16 = (nodes: readonly GraphNode[], name: string) =>
  String(nodes.find((n) => n.name === name)!.attrs.get('T')) === String(typeAttr(DT.bfloat16));

test('a convolution computes in bfloat16 and its result is cast back where float32 is wanted', () => {
  const step = stepOf(
    [x, handle('w'), read('k', 'w'), node('y', 'Conv2D', ['x', 'k']), node('m', 'Mean', ['y', 'axes'])],
    ['m'],
  );
  const result = bfloat16(step);
  expect(show(result).slice(3)).toEqual([
    'low_x = Cast(x)',
    'low_k = Cast(k)',
    'y = Conv2D(low_x, low_k)',
    'high_y = Cast(y)',
    'm = Mean(high_y, axes)',
  ]);
  expect(isBfloat16(result.nodes, 'y')).toBe(true);
  expect(isBfloat16(result.nodes, 'm')).toBe(false);
});

test('activations between convolutions stay in bfloat16; batch norm keeps float32 statistics', () => {
  const norm = (n: GraphNode): GraphNode => ({ ...n, outputs: [...n.outputs, { dtype: DT.float32, shape: [3] }] });
  const step = stepOf(
    [
      x,
      handle('w'),
      read('k', 'w'),
      node('c', 'Conv2D', ['x', 'k']),
      norm(node('n', 'FusedBatchNormV3', ['c', 'scale', 'offset', 'e', 'e'])),
      node('r', 'Relu', ['n']),
      node('s', 'AddV2', ['r', 'c']),
      node('p', 'PadV2', ['s', 'edges', 'zero']),
      node('d', 'Conv2D', ['p', 'k']),
    ],
    ['d', 'n:1'],
  );
  const zero = constant('zero', 0);
  const result = bfloat16({ ...step, nodes: [zero, ...step.nodes] });
  const lines = show(result);
  expect(lines).toContain('n = FusedBatchNormV3(c, scale, offset, e, e)');
  expect(lines).toContain('s = AddV2(r, c)');
  expect(lines).toContain('p = PadV2(s, edges, low_zero)');
  expect(lines).toContain('d = Conv2D(p, low_k)');
  expect(result.outputs.get('n:1')).toBe('n:1'); // statistics are float32 already
  expect(result.outputs.get('d')).toBe('high_d');
});

test('residual sums and pools between convolutions need no casts', () => {
  const step = stepOf(
    [
      x,
      handle('w'),
      read('k', 'w'),
      node('c', 'Conv2D', ['x', 'k']),
      node('s', 'Add', ['c', 'c']),
      node('p', 'AvgPool', ['s']),
      node('d', 'Conv2D', ['p', 'k']),
      node('g', 'AvgPoolGrad', ['shape', 'd']),
      node('e', 'Conv2D', ['g', 'k']),
    ],
    ['e'],
  );
  const lines = show(bfloat16(step));
  expect(lines.filter((line) => line.includes('Cast'))).toEqual([
    'low_x = Cast(x)',
    'low_k = Cast(k)',
    'high_e = Cast(e)',
  ]);
});

test('gradients of kernels go on in float32, so that no sum of them and no update is rounded', () => {
  const step = stepOf(
    [
      x,
      handle('w'),
      read('k', 'w'),
      node('y', 'Conv2D', ['x', 'k']),
      node('g', 'Conv2DBackpropFilter', ['x', 'shape', 'y']),
      node('h', 'Conv2DBackpropFilter', ['x', 'shape', 'y']),
      node('sum', 'AddV2', ['g', 'h']),
      node('next', 'Sub', ['k', 'sum']),
    ],
    [],
    { assigns: new Map([['w', 'next']]) },
  );
  const lines = show(bfloat16(step));
  expect(lines).toContain('sum = AddV2(high_g, high_h)');
  expect(lines).toContain('next = Sub(k, sum)');
});

test('products with a trainable weight, and their gradients, are the network’s', () => {
  const a = node('a', 'Placeholder', [], [8, 2]);
  const nodes = [
    a,
    handle('w'),
    read('m', 'w'),
    node('t', 'Transpose', ['m', 'perm']),
    node('y', 'BatchMatMulV2', ['a', 't'], [8, 2]),
    node('dy', 'Sign', ['y'], [8, 2]),
    node('da', 'BatchMatMulV2', ['dy', 'm'], [8, 2]),
    node('dw', 'BatchMatMulV2', ['a', 'dy'], [2, 2]),
    node('next', 'Sub', ['m', 'dw']),
  ];
  const result = bfloat16(stepOf(nodes, ['da'], { assigns: new Map([['w', 'next']]), trainable }));
  for (const name of ['y', 'da', 'dw']) expect(isBfloat16(result.nodes, name)).toBe(true);
  expect(show(result)).toContain('next = Sub(m, high_dw)');
});

test('similarities of embeddings and products with a queue stay in float32', () => {
  const nodes = [
    node('a', 'Placeholder', [], [8, 2]),
    handle('queue'),
    read('q', 'queue', [16, 2]),
    node('self', 'BatchMatMulV2', ['a', 'a'], [8, 8]),
    node('negatives', 'BatchMatMulV2', ['a', 'q'], [8, 16]),
    node('next', 'TensorScatterUpdate', ['q', 'i', 'a'], [16, 2]),
  ];
  const step = stepOf(nodes, ['self', 'negatives'], { assigns: new Map([['queue', 'next']]) });
  expect(show(bfloat16(step))).toEqual(show(step));
});

test('a momentum encoder’s weight, moved by adding to it, counts as a weight, and its average stays in float32', () => {
  const nodes = [
    node('a', 'Placeholder', [], [8, 2]),
    handle('w'),
    handle('ema'),
    read('m', 'w'),
    read('e', 'ema'),
    node('y', 'BatchMatMulV2', ['a', 'e'], [8, 2]),
    node('next', 'AddV2', ['e', 'm']),
  ];
  const result = bfloat16(stepOf(nodes, ['y'], { assigns: new Map([['ema', 'next']]), trainable }));
  expect(isBfloat16(result.nodes, 'y')).toBe(true);
  expect(show(result)).toContain('next = AddV2(e, m)');
});

test('integer operations are left alone', () => {
  const step = stepOf(
    [node('i', 'Placeholder', [], [2, 2], DT.int32), node('y', 'BatchMatMulV2', ['i', 'i'], [2, 2], DT.int32)],
    ['y'],
  );
  expect(show(bfloat16(step))).toEqual(show(step));
});
