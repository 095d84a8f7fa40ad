import {
  ALONE,
  type Branch,
  type Encoded,
  type HostTensors,
  type OnDevice,
  type StepIo,
  type Tensors,
  type ViewName,
} from '@contrastive/core';
import * as tf from '@tensorflow/tfjs-core';

type Io = StepIo & { readonly draws: OnDevice<HostTensors>; readonly features: Tensors };

/** What a host would hand to the plug-in's hooks, from given projector outputs of each view, [d, n, k], instead of images. */
export function givenRows(views: tf.Tensor3D, draws: Tensors): Io {
  const encoded = (rows: tf.Tensor2D): Encoded => ({
    projection: rows,
    embedding: rows,
    pooled: rows,
    map: tf.reshape(rows, [rows.shape[0], 1, 1, rows.shape[1]]),
  });
  const rows = Object.fromEntries(
    (tf.unstack(views) as tf.Tensor2D[]).map((view, i): [ViewName, Encoded] => [`view${i + 1}`, encoded(view)]),
  );
  const branch: Branch = {
    view: (name) => rows[name]!,
    encode: () => {
      throw new Error('there are no images');
    },
    project: encoded,
  };
  const n = views.shape[1];
  return {
    images: {},
    ids: tf.range(0, n, 1, 'int32'),
    labels: tf.fill([n], -1, 'int32'),
    online: branch,
    target: branch,
    hostTerms: [],
    state: {},
    phase: 'on',
    workers: ALONE,
    draws: draws as OnDevice<HostTensors>,
    features: {},
  };
}
