import { type Collective, createCollective, SslError, type Workers } from '@contrastive/core';
import * as tf from '@tensorflow/tfjs-core';
import { ATTR, type OpAttr } from '../eager/tfjs-binding.js';
import type { LoadedTensorFlow } from '../load.js';
import { DT } from '../native/dtype.js';

/** All workers of a run are one group. */
const GROUP = 1;

/**
 * The collective of a worker, over TensorFlow's collective operations. They are numbered in the order in which steps are recorded, which
 * is the same on all workers.
 *
 * @param timeoutSeconds how long one exchange may take, the wait for the slowest worker included.
 */
export function clusterCollective(
  { size, rank }: Workers,
  { backend, binding }: LoadedTensorFlow,
  timeoutSeconds: number,
): Collective {
  let count = 0;
  const run = (op: string, x: tf.Tensor, attrs: readonly OpAttr[]): tf.Tensor => {
    if (!binding.isRecording) {
      throw new SslError('INCOMPATIBLE', `${op}: ${size} workers can train together in compiled steps only.`, {
        hint: 'Use compiledRuntime({ cluster }) in place of the eager runtime.',
      });
    }
    const numbers = [size, GROUP, ++count].map((n) => tf.scalar(n, 'int32'));
    const all: OpAttr[] = [
      { name: 'T', type: ATTR.type, value: x.dtype === 'int32' ? DT.int32 : DT.float32 },
      { name: 'communication_hint', type: ATTR.string, value: 'auto' },
      { name: 'timeout_seconds', type: ATTR.float, value: timeoutSeconds },
      { name: 'Nordering_token', type: ATTR.int, value: 0 },
      ...attrs,
    ];
    return backend.executeSingleOutput(op, all, [x, ...numbers]);
  };
  return createCollective(
    { size, rank },
    {
      reduce: (x, how) =>
        run('CollectiveReduceV2', x, [
          { name: 'merge_op', type: ATTR.string, value: 'Add' },
          { name: 'final_op', type: ATTR.string, value: how === 'mean' ? 'Div' : 'Id' },
        ]),
      concat: (x) => {
        const rows = run('CollectiveGatherV2', x, []);
        const [n, ...rest] = x.shape as [number, ...number[]];
        const shape = tf.tensor1d([size * n, ...rest], 'int32');
        const types: OpAttr[] = [
          { name: 'T', type: ATTR.type, value: x.dtype === 'int32' ? DT.int32 : DT.float32 },
          { name: 'Tshape', type: ATTR.type, value: DT.int32 },
        ];
        return backend.executeSingleOutput('Reshape', types, [rows, shape]);
      },
    },
  );
}
