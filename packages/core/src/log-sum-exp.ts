import * as tf from '@tensorflow/tfjs-core';

const HIDDEN = -1e9; // added to the logit of a masked candidate: exp underflows to exactly 0

type Masks = readonly (tf.Tensor2D | undefined)[];

const sumAll = (parts: readonly tf.Tensor[]): tf.Tensor => (parts.length === 1 ? parts[0]! : tf.addN([...parts]));

const rowSums = (x: tf.Tensor): tf.Tensor => tf.sum(x, 1, true);

/** Logits below the row's highest one, of all matrices: x − top ≤ 0, and top, [n, 1]. */
function shifted(scores: readonly tf.Tensor[], temperature: number, masks: Masks) {
  const logits = scores.map((s, i) => {
    const scaled = temperature === 1 ? s : tf.div(s, temperature);
    const mask = masks[i];
    return mask === undefined ? scaled : tf.add(scaled, tf.mul(tf.sub(1, mask), HIDDEN));
  });
  const top = logits.map((l) => tf.max(l, 1, true)).reduce((a, b) => tf.maximum(a, b));
  return { below: logits.map((l) => tf.sub(l, top)), top };
}

/**
 * log Σ exp(score / τ) over all candidates of each row, [n], over several score matrices at once and max-shifted.
 * Masked candidates take no part. Gradient: exp(score / τ − result) / τ.
 */
export function logSumExpOf(
  matrices: readonly tf.Tensor2D[],
  temperature: number,
  masks: readonly (tf.Tensor2D | undefined)[] = [],
): tf.Tensor1D {
  const op = tf.customGrad((...args) => {
    const save = args[args.length - 1] as tf.GradSaveFunc;
    const { below, top } = shifted(args.slice(0, -1) as tf.Tensor[], temperature, masks);
    const exponentials = below.map((x) => tf.exp(x));
    const total = sumAll(exponentials.map(rowSums)); // [n, 1]
    save([...exponentials, total]); // not the scores: the backward pass needs no second exp
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]) => {
      const scale = tf.div(tf.reshape(dy, [-1, 1]), tf.mul(temperature, saved[matrices.length]!));
      return matrices.map((_, i) => tf.mul(saved[i]!, scale));
    };
    return { value: tf.reshape(tf.add(tf.log(total), top), [-1]), gradFunc };
  });
  return op(...(matrices as tf.Tensor[])) as tf.Tensor1D;
}

export interface SoftTargets {
  /** Scores of the wanted candidates, [n, P], and how much each is wanted, [n, P]. */
  readonly positives: tf.Tensor2D;
  readonly weights: tf.Tensor2D;
  /** Scores of the others, [n, m] each. */
  readonly negatives: readonly tf.Tensor2D[];
  /** Aligned with `[positives, ...negatives]`, 1 = takes part in the sum. Default all. */
  readonly masks?: readonly (tf.Tensor2D | undefined)[];
}

/**
 * Softmax cross-entropy against soft targets:  Σ_p w_p (log Σ_c exp(x_c) − x_p),  x = score / τ, c over all candidates; [n].
 *
 * Computed from distances to the row's highest logit, and as log(1 + r) with r what the sum exceeds 1 by. With one positive that is
 * far above the rest the loss is r ≪ 1, and so are the gradients: as differences of logits they would drown in rounding.
 *
 * Gradient to x_p: W e_p / Σe − w_p, W = Σ w; to x_c of a negative: W e_c / Σe; to w_p: log Σ − x_p.
 */
export function softTargetLoss(
  { positives, weights, negatives, masks = [] }: SoftTargets,
  temperature: number,
): tf.Tensor1D {
  const op = tf.customGrad((...args) => {
    const save = args[args.length - 1] as tf.GradSaveFunc;
    const [wanted, w, ...others] = args.slice(0, -1) as tf.Tensor[];
    const { below, top } = shifted([wanted!, ...others], temperature, masks);
    const exponentials = below.map((x) => tf.exp(x));
    const [inside, ...outsides] = exponentials.map(rowSums);
    const outside = outsides.length === 0 ? tf.zerosLike(inside!) : sumAll(outsides);
    const log = tf.log1p(tf.add(tf.sub(inside!, 1), outside));
    // A hidden positive takes no part in the sum, but its own logit is the given one.
    const own = masks[0] === undefined ? below[0]! : tf.sub(tf.div(wanted!, temperature), top);
    const losses = tf.sub(log, own);
    save([...exponentials, w!, inside!, outside, losses]);
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]) => softTargetGradients(dy, saved, temperature);
    return { value: tf.sum(tf.mul(w!, losses), 1), gradFunc };
  });
  return op(positives, weights, ...negatives) as tf.Tensor1D;
}

function softTargetGradients(dy: tf.Tensor, saved: tf.Tensor[], temperature: number): tf.Tensor[] {
  const [weights, inside, outside, losses] = saved.slice(-4) as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor];
  const [wanted, ...others] = saved.slice(0, -4) as [tf.Tensor, ...tf.Tensor[]];
  const column = tf.reshape(dy, [-1, 1]);
  const scale = tf.div(column, tf.mul(temperature, tf.add(inside, outside)));
  const whole = rowSums(weights);
  // W e_p − w_p Σe, with Σe in two parts: of one positive on top the first difference is exactly 0.
  const within = tf.sub(tf.mul(whole, wanted), tf.mul(weights, inside));
  const pull = tf.mul(tf.sub(within, tf.mul(weights, outside)), scale);
  const push = tf.mul(whole, scale);
  return [pull, tf.mul(column, losses), ...others.map((e) => tf.mul(e, push))];
}
