import type { ParityKinds } from '@contrastive/testing';
import * as tf from '@tensorflow/tfjs-core';
import { createRing, enqueue, infoNce, ntXent, Rng, scoresOf, softmax, stopGradient, unit } from '../src/index.js';
import { hostValues, type Nested } from './host-values.js';

/** Value and gradients of a scalar function, recorded inside a step. */
function withGradients(f: (...xs: tf.Tensor2D[]) => tf.Scalar, xs: readonly tf.Tensor[]) {
  const { value, grads } = tf.valueAndGrads(f as (...args: tf.Tensor[]) => tf.Tensor)([...xs]);
  return { loss: value, grads };
}
const hosts = (inputs: unknown) =>
  Object.fromEntries(
    Object.entries(inputs as Record<string, Nested>).map(([key, values]) => [key, hostValues(values)]),
  );

const ntxent: ParityKinds[string] = async ({ inputs, params }, { run }) => {
  const { temperature } = params as { temperature: number };
  return run(({ z1, z2 }) => {
    const { loss, grads } = withGradients((a, b) => ntXent(unit(a), unit(b), { temperature }), [z1!, z2!]);
    return { loss, gradZ1: grads[0]!, gradZ2: grads[1]! };
  }, hosts(inputs));
};

const moco: ParityKinds[string] = async ({ inputs, params }, { run }) => {
  const { temperature, pointerBefore = 0 } = params as { temperature: number; pointerBefore?: number };
  const { qRaw, kRaw, queue } = hosts(inputs);
  const [rows, dim] = queue!.shape as unknown as [number, number];
  const ring = createRing({ rows, dim, rng: Rng.create(0) });
  ring.rows.assign(tf.tensor2d(queue!.data, [rows, dim]));
  ring.pointer.assign(tf.scalar(pointerBefore, 'int32'));
  const outputs = await run(
    (given) => {
      const [q, k] = [unit(given.qRaw as tf.Tensor2D), stopGradient(unit(given.kRaw as tf.Tensor2D))];
      const options = { queue: stopGradient(ring.rows), temperature };
      const raw = withGradients((x) => infoNce(unit(x), k, options), [given.qRaw!]);
      const free = withGradients((x) => infoNce(x, k, options), [q]);
      const comparison = {
        ...{ from: 'view1', to: 'view2', anchors: q, temperature, share: 1, objective: softmax },
        positives: { kind: 'paired' as const, rows: tf.expandDims(k, 1) as tf.Tensor3D },
        negatives: [{ kind: 'shared' as const, rows: options.queue }],
      };
      const scores = scoresOf(comparison);
      const logits = tf.div(tf.concat([scores.positives, ...scores.negatives], 1), temperature);
      enqueue(ring, k, { overflow: 'wrap' });
      return {
        ...{ q, k, logits, loss: raw.loss, gradQRaw: raw.grads[0]!, gradQ: free.grads[0]! },
        lossPerSample: softmax.losses(scores, comparison),
      };
    },
    { qRaw: qRaw!, kRaw: kRaw! },
    { rows: ring.rows, pointer: ring.pointer },
  );
  return { ...outputs, queueAfter: ring.rows, pointerAfter: ring.pointer };
};

const mocoV2PlusSymmetric: ParityKinds[string] = async ({ inputs, params }, { run }) => {
  const { temperature } = params as { temperature: number };
  return run((given) => {
    const [k1, k2] = [unit(given.k1Raw as tf.Tensor2D), unit(given.k2Raw as tf.Tensor2D)];
    const [queue1, queue2] = [given.queue1 as tf.Tensor2D, given.queue2 as tf.Tensor2D];
    const { loss, grads } = withGradients(
      (q1, q2) =>
        tf.mean(
          tf.stack([
            infoNce(unit(q1), k2, { queue: queue2, temperature }),
            infoNce(unit(q2), k1, { queue: queue1, temperature }),
          ]),
        ),
      [given.q1Raw!, given.q2Raw!],
    );
    return { loss, gradQ1Raw: grads[0]!, gradQ2Raw: grads[1]! };
  }, hosts(inputs));
};

export const kinds: ParityKinds = {
  'hosts/ntxent': ntxent,
  'hosts/moco_': moco,
  'hosts/mocov2plus': mocoV2PlusSymmetric,
};
