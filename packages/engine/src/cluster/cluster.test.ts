import { createServer } from 'node:net';
import { hostTensor } from '@contrastive/core';
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { describeTensorFlow, tensorflow } from '../../test/tensorflow.js';
import { compiledRuntime } from '../compiled-runtime.js';
import { type Cluster, type ClusterOptions, joinCluster } from './cluster.js';
import { clusterCollective } from './collective.js';
import { workerLost } from './lost.js';
import { waitForPeers } from './peers.js';

const TWO = ['10.0.0.1:2222', '10.0.0.2:2222'];
const whoIsLost = { workers: TWO, rank: 0, timeoutSeconds: 30 };

test.each<[Partial<ClusterOptions>, string]>([
  [{ workers: [] }, 'workers must list at least one address'],
  [{ workers: ['10.0.0.1'] }, 'must be addresses like host:2222, but one is 10.0.0.1'],
  [{ workers: ['a:70000'] }, 'but one is a:70000'],
  [{ workers: ['a:1', 'a:1'] }, 'workers lists a:1 twice'],
  [{ workers: TWO, rank: 2 }, 'rank must be one of 0 to 1, but is 2'],
  [{ workers: TWO, timeoutSeconds: 0 }, 'timeoutSeconds must be a number > 0, but is 0'],
  [{ workers: TWO, joinTimeoutSeconds: Number.NaN }, 'joinTimeoutSeconds must be a number > 0'],
  [{ workers: TWO, threads: 0.5 }, 'threads must be a whole number ≥ 1'],
])('joinCluster refuses %j', async (options, message) => {
  await expect(joinCluster({ workers: TWO, rank: 0, ...options })).rejects.toMatchObject({ code: 'BAD_OPTION' });
  await expect(joinCluster({ workers: TWO, rank: 0, ...options })).rejects.toThrow(message);
});

test('a lost worker is named where TensorFlow names it', () => {
  const text =
    'Additional GRPC error information from remote target /job:worker/replica:0/task:1 while calling RecvBuf';
  const lost = workerLost(14, `From /job:worker/replica:0/task:0: ${text}`, whoIsLost);
  expect(lost).toMatchObject({ code: 'WORKER_LOST' });
  expect(lost!.message).toContain('Worker 1 (10.0.0.2:2222) is gone; rank 0 cannot go on');
});

test('a worker that does not answer is lost after the time that was set', () => {
  expect(workerLost(4, 'Collective has timed out', whoIsLost)!.message).toContain(
    'Another worker did not answer within 30 s',
  );
  expect(workerLost(3, 'a shape is wrong', whoIsLost)).toBeUndefined(); // not another worker's fault
  expect(workerLost(0, '', whoIsLost)).toBeUndefined();
});

test('waiting for the others ends when all are there, or says who is missing', async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { readonly port: number };
  const address = `127.0.0.1:${port}`;
  await waitForPeers([address], 10);
  await new Promise((resolve) => server.close(resolve));
  await expect(waitForPeers([address], 0.3)).rejects.toMatchObject({ code: 'CLUSTER' });
  await expect(waitForPeers([address], 0.3)).rejects.toThrow(`no worker appeared at ${address} within 0.3 s`);
});

describeTensorFlow('a cluster', () => {
  test('exchanges in compiled steps only', () => {
    const collective = clusterCollective({ size: 2, rank: 0 }, tensorflow(), 1);
    expect(() => collective.gather(tf.ones([2, 1]))).toThrow('2 workers can train together in compiled steps only');
  });

  test('of one worker needs no server, and is joined once', async () => {
    const cluster = await joinCluster({ workers: ['127.0.0.1:1'], rank: 0 });
    expect(cluster).toMatchObject({ size: 1, rank: 0 });
    expect(await joinCluster({ workers: ['127.0.0.1:1'], rank: 0 })).toBe(cluster);
    await expect(joinCluster({ workers: TWO, rank: 0 })).rejects.toThrow('this process is rank 0 of another cluster');
    const program = compiledRuntime({ cluster }).createProgram({});
    const example = { x: hostTensor([2], [1, 2]) };
    const step = await program.prepare('mean', ({ x }) => ({ y: cluster.collective.reduceMean([x!])[0]! }), example);
    expect((await step.run(example)).y!.data).toEqual(Float32Array.of(1, 2));
    program.dispose();
  });

  test('must come from joinCluster', () => {
    expect(() => compiledRuntime({ cluster: { size: 1 } as Cluster })).toThrow('does not come from joinCluster');
  });
});
