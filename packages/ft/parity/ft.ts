import {
  type Comparison,
  enqueue,
  type HostTensor,
  type HostTensors,
  hostInts,
  hostScalar,
  hostTensor,
  type OnDevice,
  type Ring,
  type StepIo,
  scoreTerms,
  softmax,
  type Tensors,
  type Term,
} from '@contrastive/core';
import type { Fixture, ParityAdapter, ParityKinds } from '@contrastive/testing';
import * as tf from '@tensorflow/tfjs-core';
import { type FtDraws, type FtOptions, ft, scoreRecorder, summarizeScores } from '../src/index.js';

type Rows = readonly (readonly number[])[];
/** One, one per dimension or row, or one per element. */
type Coefficient = number | readonly number[] | Rows;
interface Inputs {
  readonly q: Rows;
  readonly k: Rows;
  readonly queue: Rows;
  readonly lambdaPos?: Coefficient;
  readonly lambdaNeg?: Coefficient;
  readonly sigma?: readonly number[];
}
interface Params {
  readonly temperature: number;
  readonly target: 'none' | 'pos' | 'neg' | 'posneg';
  readonly postNorm?: 'off' | 'pos' | 'neg' | 'all';
  readonly transform: boolean;
  readonly pointerBefore?: number;
  readonly negMode?: 'replace' | 'append';
  readonly negScoredWith?: string;
  readonly detachKhat?: boolean;
}

const matrix = (rows: Rows): HostTensor => hostTensor<tf.Rank.R2>([rows.length, rows[0]!.length], rows.flat());
const coefficient = (given: Coefficient = 1, dim: number): HostTensor => {
  if (typeof given === 'number') return matrix([[given]]);
  if (typeof given[0] !== 'number') return matrix(given as Rows);
  const values = given as readonly number[];
  return matrix(values.length === dim ? [values] : values.map((v) => [v]));
};

/** One MoCo step from given embeddings: the host's term, FT's `edit`, the scorer, the recorder and the queue. */
const mocoStep: ParityAdapter = async (fixture, { run }) => {
  const inputs = fixture.inputs as Inputs;
  const params = fixture.params as Params;
  const { draws, order } = drawsOf(inputs);
  const ring = ringOf(inputs.queue, params.pointerBefore ?? 0);
  const given = { q: matrix(inputs.q), k: matrix(inputs.k), ...draws };
  const step = (on: Tensors): Tensors => {
    const drawn = Object.fromEntries(Object.keys(draws).map((name) => [name, on[name]!])) as OnDevice<FtDraws>;
    const hatted = score(params, on.q as tf.Tensor2D, on.k as tf.Tensor2D, ring, drawn);
    const gradient = tf.grad((q) => score(params, q as tf.Tensor2D, on.k as tf.Tensor2D, ring, drawn).loss);
    const gradQ = gradient(on.q!);
    enqueue(ring, on.k as tf.Tensor2D, { overflow: 'wrap' });
    return { ...hatted, gradQ };
  };
  const outputs = await run(step, given, { rows: ring.rows, pointer: ring.pointer });
  return { ...outputs, order, queueAfter: ring.rows, pointerAfter: ring.pointer };
};

function drawsOf({ lambdaPos, lambdaNeg, sigma, queue }: Inputs) {
  const m = queue.length;
  const order = sigma ?? Array.from({ length: m }, (_, i) => i);
  const draws: HostTensors = {
    lambdaEx: coefficient(lambdaPos, queue[0]!.length),
    [`lambdaIn/${m}`]: coefficient(lambdaNeg, queue[0]!.length),
    [`order/${m}`]: hostInts(order),
    [`inverse/${m}`]: hostInts(order.map((_, i) => order.indexOf(i))),
  };
  return { draws, order };
}

const ringOf = (rows: Rows, pointer: number): Ring => ({
  rows: tf.variable(tf.tensor2d(rows as number[][]), false),
  pointer: tf.variable(tf.scalar(pointer, 'int32'), false),
});

function score(p: Params, q: tf.Tensor2D, k: tf.Tensor2D, ring: Ring, draws: OnDevice<FtDraws>) {
  const host: Comparison = {
    from: 'view1',
    to: 'view2',
    anchors: q,
    positives: { kind: 'paired', rows: tf.expandDims(k, 1) as tf.Tensor3D },
    negatives: [{ kind: 'shared', rows: tf.clone(ring.rows) as tf.Tensor2D }],
    temperature: p.temperature,
    share: 1,
    objective: softmax,
  };
  const hostTerms: readonly Term[] = [{ name: 'global', weight: 1, comparisons: [host] }];
  const options: FtOptions = {
    ...(p.target !== 'none' && { target: p.target }),
    postNorm: p.postNorm ?? 'off',
    negativeMode: p.negMode ?? 'replace',
    negativesScoredWith: p.negScoredWith === 'q' ? 'original' : 'moved',
    detachPositive: p.detachKhat ?? false,
  };
  const io = { hostTerms, draws, features: {}, phase: p.transform ? 'on' : 'off' } as unknown as StepIo & {
    draws: OnDevice<FtDraws>;
    features: Tensors;
  };
  const { total, scored } = scoreTerms(ft(options).edit!(hostTerms, io));
  const { comparison, losses, scores } = scored[0]!.comparisons[0]!;
  const recorded = scoreRecorder().observe!(scored, io);
  return {
    loss: total,
    lossPerSample: losses,
    logits: tf.div(tf.concat([scores!.positives, ...scores!.negatives], 1), p.temperature),
    scoreRows: recorded['global/transformed/rows']!,
    qHat: comparison.positives.anchors ?? comparison.anchors,
    kHat: tf.squeeze(comparison.positives.rows, [1]),
    queueHat: comparison.negatives[comparison.negatives.length - 1]!.rows,
  };
}

/** One summary a step of a recording [steps, n, 5]. */
const scoreSummary: ParityAdapter = async (fixture: Fixture, { run }) => {
  const { scores } = fixture.inputs as { scores: readonly Rows[] };
  const steps = await Promise.all(
    scores.map((rows) => run((on) => ({ ...summarizeScores(on.rows as tf.Tensor2D) }), { rows: matrix(rows) })),
  );
  const names = Object.keys(fixture.expected);
  return Object.fromEntries(
    names.map((name) => [name, steps.map((s) => (s[name] ?? hostScalar(Number.NaN)).data[0]!)]),
  );
};

export const kinds: ParityKinds = {
  'ft/moco_': mocoStep,
  'ft/pos': mocoStep,
  'ft/neg': mocoStep,
  'ft/score_summary': scoreSummary,
};
