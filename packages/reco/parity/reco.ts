import { enqueue, type HostTensor, hostTensor, type Ring, scoreTerms, type Tensors } from '@contrastive/core';
import type { ParityAdapter } from '@contrastive/testing';
import * as tf from '@tensorflow/tfjs-core';
import { boxShares, cutBox, type InterpolationTensors, interpolation, keptArea, mixImages } from '../src/index.js';
import { featureIo, weightedReco } from './feature-step.js';
import { train } from './train.js';

type Matrix = readonly (readonly number[])[];
type Images = readonly (readonly Matrix[])[];

const matrix = (values: Matrix): HostTensor => hostTensor([values.length, values[0]!.length], values.flat());
const pixels = (v: Images): HostTensor =>
  hostTensor([v.length, v[0]!.length, v[0]![0]!.length, v[0]![0]![0]!.length], v.flat(3));

interface BoxDraw {
  readonly lam0: number;
  readonly cy: number;
  readonly cx: number;
}

const boxOf = ({ lam0, cy, cx }: BoxDraw, height: number, width: number) =>
  cutBox({ height, width, lambda: lam0, centerY: cy, centerX: cx });

const namedBox = (draw: BoxDraw, height: number, width: number) => {
  const box = boxOf(draw, height, width);
  return {
    box: { y1: box.top, y2: box.bottom, x1: box.left, x2: box.right },
    lam: keptArea(box, height, width),
  };
};

const boxes: ParityAdapter = ({ inputs }) => {
  const { cases } = inputs as { readonly cases: readonly (BoxDraw & { height: number; width: number })[] };
  const all = cases.map((c) => namedBox(c, c.height, c.width));
  return { boxes: all.map(({ box, lam }) => ({ ...box, lam })) };
};

const images: ParityAdapter = async ({ inputs, params }, context) => {
  const { xq, xk, pi } = inputs as { readonly xq: Images; readonly xk: Images; readonly pi: readonly number[] };
  const draw = params as BoxDraw;
  const [height, width] = [xq[0]!.length, xq[0]![0]!.length];
  const draws = interpolation(pi, [boxShares(boxOf(draw, height, width), height, width)]);
  const outputs = await context.run(
    ({ xq: query, xk: key, ...rest }) => ({
      xMix: mixImages(query as tf.Tensor4D, key as tf.Tensor4D, rest as unknown as InterpolationTensors),
    }),
    { xq: pixels(xq), xk: pixels(xk), ...draws },
  );
  return { ...namedBox(draw, height, width), ...outputs };
};

interface FeatureInputs {
  readonly qRaw: Matrix;
  readonly qMixRaw: Matrix;
  readonly kRaw: Matrix;
  readonly kWeakRaw: Matrix;
  readonly queue: Matrix;
  readonly queueWeak: Matrix;
  readonly pi: readonly number[];
}
interface FeatureParams extends BoxDraw {
  readonly temperature: number;
  readonly tauStudent: number;
  readonly tauTeacher: number;
  readonly lambda1: number;
  readonly lambda2: number;
  readonly height: number;
  readonly width: number;
  readonly pointerBefore?: number;
}

const ringOf = (rows: Matrix, pointer: number): Ring => ({
  rows: tf.variable(tf.tensor2d(rows as number[][]), false),
  pointer: tf.variable(tf.scalar(pointer, 'int32'), false),
});

/** A step over MoCo v2 from given encoder outputs, through the hooks. */
const features: ParityAdapter = async ({ inputs, params }, context) => {
  const { qRaw, qMixRaw, kRaw, kWeakRaw, queue, queueWeak, pi } = inputs as FeatureInputs;
  const p = params as FeatureParams;
  const plugin = weightedReco({
    lambda1: p.lambda1,
    lambda2: p.lambda2,
    studentTemperature: p.tauStudent,
    teacherTemperature: p.tauTeacher,
  });
  const { pointerBefore = 0 } = p;
  const [keys, bank] = [ringOf(queue, pointerBefore), ringOf(queueWeak, pointerBefore)];
  const draws = interpolation(pi, [boxShares(boxOf(p, p.height, p.width), p.height, p.width)]);

  const step = (given: Tensors, query: tf.Tensor, mixed: tf.Tensor, areUnit: boolean) => {
    const { kRaw: key, kWeakRaw: weak } = given;
    const rows = { query, mixed, key, weak, queue: keys.rows } as Record<
      'query' | 'mixed' | 'key' | 'weak' | 'queue',
      tf.Tensor2D
    >;
    const state = { bank: bank.rows, bankPointer: bank.pointer };
    const io = featureIo({ ...rows, temperature: p.temperature, areUnit }, given, state);
    const full = { ...io, features: plugin.encode!(io) };
    return { io: full, ...scoreTerms(plugin.edit(io.hostTerms, full)) };
  };

  const outputs = await context.run(
    (given) => {
      const { io, total, scored } = step(given, given.qRaw!, given.qMixRaw!, false);
      const [nce, relation, local] = scored.map((s) => s.comparisons[0]!) as [Scored, Scored, Scored];
      const [q, qMix] = [io.online.view('view1').embedding, io.features.mixed!];
      const [k, kWeak] = [io.target.view('view2').embedding, io.target.view('weak').embedding];
      const byRaw = tf.grads((a, b) => step(given, a!, b!, false).total)([given.qRaw!, given.qMixRaw!]);
      const byUnit = tf.grads((a, b) => step(given, a!, b!, true).total)([q, qMix]);
      const teacher = tf.div(tf.matMul(kWeak, bank.rows, false, true), p.tauTeacher);
      const results = {
        q,
        qMix,
        k,
        kWeak,
        fMix: io.features.mixedTarget!,
        logits: logitsOf(nce),
        logitsLocal: logitsOf(local),
        scoresStudent: tf.div(relation.scores!.positives, p.tauStudent),
        scoresTeacher: teacher,
        teacherProb: relation.scores!.weights,
        lossNce: scored[0]!.loss,
        lossGlobal: scored[1]!.loss,
        lossLocal: scored[2]!.loss,
        loss: total,
        gradQRaw: byRaw[0]!,
        gradQMixRaw: byRaw[1]!,
        gradQ: byUnit[0]!,
        gradQMix: byUnit[1]!,
      };
      enqueue(keys, k);
      plugin.commit!(io);
      return results;
    },
    { qRaw: matrix(qRaw), qMixRaw: matrix(qMixRaw), kRaw: matrix(kRaw), kWeakRaw: matrix(kWeakRaw), ...draws },
    { queue: keys.rows, queuePointer: keys.pointer, bank: bank.rows, bankPointer: bank.pointer },
  );
  return {
    ...outputs,
    ...namedBox(p, p.height, p.width),
    queueAfter: keys.rows,
    queueWeakAfter: bank.rows,
    pointerAfter: bank.pointer,
  };
};

type Scored = ReturnType<typeof scoreTerms>['scored'][number]['comparisons'][number];

/** [positive, negatives] / τ of each anchor. */
const logitsOf = ({ comparison, scores }: Scored): tf.Tensor =>
  tf.div(tf.concat([scores!.positives, ...scores!.negatives], 1), comparison.temperature);

export const kinds: Readonly<Record<string, ParityAdapter>> = {
  'reco/boxes': boxes,
  'reco/interp_image': images,
  'reco/step_features': features,
  'reco/train': train,
};
