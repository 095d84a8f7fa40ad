import {
  ALONE,
  type Branch,
  type Comparison,
  type HostInfo,
  type Objective,
  type OnDevice,
  type State,
  type StepIo,
  softmax,
  stopGradient,
  type Tensors,
  unit,
  type ViewName,
} from '@contrastive/core';
import * as tf from '@tensorflow/tfjs-core';

/** Raw outputs of a step: projections y, predictions z and keys k of two views, [n, d] each. */
export type Rows = Readonly<Record<'y1' | 'y2' | 'z1' | 'z2' | 'k1' | 'k2', tf.Tensor2D>>;

export type SnclrIo = StepIo & { readonly draws: OnDevice<Record<string, never>>; readonly features: Tensors };

/** What the hooks read of a step of MoCo v3 (or of a host without negatives), from given outputs instead of images. */
export function ioOf(given: {
  readonly rows: Rows;
  readonly state: State;
  readonly temperature: number;
  readonly share?: number;
  readonly objective?: Objective;
  readonly ids?: readonly number[];
  readonly labels?: readonly number[];
}): SnclrIo {
  const { rows, state, temperature, share = 2 * temperature, objective = softmax } = given;
  const n = rows.y1.shape[0];
  const branch = (projection: (view: string) => tf.Tensor2D, compared: (view: string) => tf.Tensor2D): Branch => {
    const views = new Map(
      ['1', '2'].map((view) => [
        `view${view}`,
        {
          projection: projection(view),
          embedding: unit(compared(view)),
          map: tf.zeros([n, 1, 1, 1]) as tf.Tensor4D,
          pooled: projection(view),
        },
      ]),
    );
    const unused = () => {
      throw new Error('this step has no extra passes');
    };
    return { view: (name: ViewName) => views.get(name)!, encode: unused, project: unused };
  };
  const read = (letter: 'y' | 'z' | 'k') => (view: string) => rows[`${letter}${view}` as keyof Rows];
  const online = branch(read('y'), read('z'));
  const target = branch(
    (view) => stopGradient(read('k')(view)),
    (view) => stopGradient(read('k')(view)),
  );
  const direction = (from: ViewName, to: ViewName): Comparison => {
    const keys = target.view(to).embedding;
    return {
      ...{ from, to, anchors: online.view(from).embedding, temperature, share, objective },
      positives: { kind: 'paired', rows: tf.expandDims(keys, 1) as tf.Tensor3D },
      negatives: objective.usesNegatives
        ? [{ kind: 'shared', rows: keys, mask: tf.sub(1, tf.eye(n)) as tf.Tensor2D }]
        : [],
    };
  };
  const ints = (values: readonly number[] | undefined, fill: number) =>
    tf.tensor1d([...(values ?? Array<number>(n).fill(fill))], 'int32');
  return {
    images: {},
    ids: ints(given.ids, 0),
    labels: ints(given.labels, -1),
    ...{ online, target, state, phase: 'on', draws: {}, features: {}, workers: ALONE },
    hostTerms: [{ name: 'global', weight: 1, comparisons: [direction('view1', 'view2'), direction('view2', 'view1')] }],
  };
}

/** State of a bank with given rows and pointer. */
export function bankOf(
  rows: tf.Tensor2D,
  given: { pointer?: number; ids?: readonly number[]; labels?: readonly number[] } = {},
): State {
  const size = rows.shape[0];
  const ints = (values: readonly number[] | undefined) =>
    tf.variable(tf.tensor1d([...(values ?? Array<number>(size).fill(-1))], 'int32'), false);
  const pointer = () => tf.variable(tf.scalar(given.pointer ?? 0, 'int32'), false);
  return {
    ...{ 'bank/keys': tf.variable(rows, false), 'bank/keys/pointer': pointer() },
    ...{ 'bank/ids': ints(given.ids), 'bank/ids/pointer': pointer() },
    ...{ 'bank/labels': ints(given.labels), 'bank/labels/pointer': pointer() },
  } as unknown as State;
}

export const hostInfo = (given: Partial<HostInfo> = {}): HostInfo => ({
  ...{ batch: 4, side: 16, dim: 5, channels: 6, grid: 4, stride: 4, momentumTarget: true },
  ...{ anchorViews: ['view1', 'view2'], negativeRows: { global: 4 } },
  ...given,
});
