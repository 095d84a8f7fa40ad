import * as tf from '@tensorflow/tfjs-core';
import { SslError } from './errors.js';

/**
 * Runs `fn` so that nothing in it is recorded for back-propagation: no gradient flows through its result, and no intermediate
 * tensor is kept for a backward pass. For momentum encoders and other targets. `fn` may itself compute gradients.
 *
 * tfjs has no switch for this; the count of open tapes is set to zero for the duration of `fn`.
 *
 * @returns what `fn` returns (synchronously; a promise would outlive the switch).
 */
export function withoutTape<T>(fn: () => T): T {
  const { state } = tf.engine();
  const { gradientDepth, activeTape } = state;
  state.gradientDepth = 0;
  try {
    return fn();
  } finally {
    state.gradientDepth = gradientDepth;
    state.activeTape = activeTape;
  }
}

/** The same values as a constant: no gradient reaches what `x` was computed from. No copy of the data. */
export function stopGradient<T extends tf.Tensor>(x: T): T {
  return withoutTape(() => tf.clone(x));
}

/**
 * Gradient checkpointing: computes `fn(inputs)`, keeps only `inputs`, and runs `fn` again when the gradient is asked for. Trades
 * one more forward pass for the memory of everything inside. Calls may be nested.
 *
 * Gradients reach the float32 tensors and variables of `inputs` and nothing else: pass weights explicitly, a variable that `fn`
 * captures gets none. `fn` must give the same values both times; state it would change (running statistics) is changed in the
 * first run only, so look at `again`.
 *
 * @example recompute(({ x, kernel }) => tf.relu(tf.matMul(x, kernel)), { x, kernel: weights.kernel })
 * @param fn a function of tensors that returns one float32 tensor. `again` is true in the second run.
 * @throws SslError `SHAPE_MISMATCH` if no input is float32.
 */
export function recompute<I extends Readonly<Record<string, tf.Tensor>>, O extends tf.Tensor>(
  fn: (inputs: I, again: boolean) => O,
  inputs: I,
): O {
  const names = Object.keys(inputs).sort((a, b) => isFloat(inputs[b]!) - isFloat(inputs[a]!)); // float first, order kept
  const floats = names.filter((name) => isFloat(inputs[name]!) === 1).length;
  if (floats === 0) throw new SslError('SHAPE_MISMATCH', 'recompute: there is no float32 tensor among the inputs.');
  const others = names.slice(floats).map((name) => inputs[name]!);
  const named = (tensors: readonly tf.Tensor[]) => Object.fromEntries(names.map((name, i) => [name, tensors[i]!])) as I;

  const run = tf.customGrad((...args) => {
    const given = args.slice(0, floats) as tf.Tensor[];
    const save = args[floats] as unknown as (tensors: tf.Tensor[]) => void;
    const all = [...given, ...others];
    save(all); // clones that live until the tape is freed
    return {
      value: fn(named(all), false),
      gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) =>
        gradientsOf(() => fn(named(saved), true), saved.slice(0, floats), dy),
    };
  });
  return run(...names.slice(0, floats).map((name) => inputs[name]!)) as O;
}

const isFloat = (t: tf.Tensor) => (t.dtype === 'float32' ? 1 : 0);

/** Gradients of `f` inside another backward pass: tfjs would drop the tape that is being walked. */
function gradientsOf(f: () => tf.Tensor, xs: tf.Tensor[], dy: tf.Tensor): tf.Tensor[] {
  const engine = tf.engine();
  const { activeTape } = engine.state;
  try {
    const { value, grads } = engine.gradients(f, xs, dy, true);
    value.dispose();
    return grads.map((grad, i) => grad ?? tf.zerosLike(xs[i]!));
  } finally {
    engine.state.activeTape = activeTape;
  }
}
