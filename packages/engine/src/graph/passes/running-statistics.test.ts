import { batchNormalization, eagerRuntime, hostTensor, type Runtime } from '@contrastive/core';
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { constant, node, show, stepOf } from '../../../test/graphs.js';
import { describeTensorFlow } from '../../../test/tensorflow.js';
import { compiledRuntime } from '../../compiled-runtime.js';
import { DT } from '../../native/dtype.js';
import { removeDeadNodes } from './remove-dead-nodes.js';
import { fuseRunningStatistics } from './running-statistics.js';

const read = (name: string) => [
  node(`${name}Handle`, 'VarHandleOp', [], [], DT.resource),
  node(name, 'ReadVariableOp', [`${name}Handle`], [3]),
];
const moved = (name: string, batch: string) => [
  node(`${name}Old`, 'Mul', [name, 'keep'], [3]),
  node(`${name}Batch`, 'Mul', [batch, 'share'], [3]),
  node(`${name}Next`, 'Add', [`${name}Old`, `${name}Batch`], [3]),
];
const NODES = [
  constant('keep', 0.9),
  constant('share', 0.1),
  node('x', 'Placeholder', [], [4, 2, 2, 3]),
  ...read('mean'),
  ...read('variance'),
  node('n', 'FusedBatchNormV3', ['x', 'scale', 'offset', 'none', 'none'], [4, 2, 2, 3]),
  ...moved('mean', 'n:1'),
  ...moved('variance', 'n:2'),
];
const assigns = new Map([
  ['meanHandle', 'meanNext'],
  ['varianceHandle', 'varianceNext'],
]);

test('batch norm moves its running statistics itself', () => {
  const result = removeDeadNodes(fuseRunningStatistics(stepOf(NODES, ['n'], { assigns })));
  expect(show(result).at(-1)).toBe('n = FusedBatchNormV3(x, scale, offset, mean, variance)');
  expect(result.nodes.filter((n) => n.op === 'Mul' || n.op === 'Add')).toEqual([]);
  expect([...result.assigns.values()]).toEqual(['n:1', 'n:2']);
});

test('statistics of the batch that something else reads stay the batch’s', () => {
  const step = stepOf(NODES, ['n', 'n:1'], { assigns });
  expect(show(fuseRunningStatistics(step))).toEqual(show(step));
});

test('averages with other weights than a share and the rest stay as they are', () => {
  const step = stepOf([constant('keep', 0.8), ...NODES.slice(1)], ['n'], { assigns });
  expect(show(fuseRunningStatistics(step))).toEqual(show(step));
});

async function normalizeTwice(runtime: Runtime) {
  const [mean, variance] = [tf.variable(tf.zeros([3]), false), tf.variable(tf.ones([3]), false)];
  const [gamma, beta] = [tf.variable(tf.fill([3], 2)), tf.variable(tf.fill([3], 0.5))];
  const x = hostTensor(
    [4, 2, 2, 3],
    Float32Array.from({ length: 48 }, (_, i) => Math.sin(i) * (1 + (i % 3))),
  );
  const program = runtime.createProgram({ mean, variance, gamma, beta });
  const step = await program.prepare(
    'normalize',
    ({ images }) => {
      const weights = { mean, variance, gamma, beta };
      const pass = { training: true, updateStats: true };
      const first = batchNormalization(images!, weights, pass);
      return { y: batchNormalization(tf.add(tf.mul(images!, 3), first), weights, pass) };
    },
    { images: x },
  );
  await step.run({ images: x });
  const { y } = await step.run({ images: x });
  await program.pull();
  const values = [...y!.data, ...mean.dataSync(), ...variance.dataSync()];
  program.dispose();
  tf.dispose([mean, variance, gamma, beta]);
  return values;
}

describeTensorFlow('running statistics', () => {
  test('of two passes in one step move as they do eagerly', async () => {
    const eager = await normalizeTwice(eagerRuntime);
    const compiled = await normalizeTwice(compiledRuntime());
    for (const [i, value] of compiled.entries()) expect(value).toBeCloseTo(eager[i]!, 5);
  });
});
