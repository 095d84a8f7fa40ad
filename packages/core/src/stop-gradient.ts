import * as tf from '@tensorflow/tfjs-core';
import { SslError } from './errors.js';
import { hasKernel, runKernel } from './ops/kernels.js';

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

/**
 * Remembers the open tape: what it returns runs a function on that tape, even from inside {@link withoutTape}. For passes that are
 * computed on first use, wherever that is. Only while the tape is open.
 */
export function captureTape(): <T>(fn: () => T) => T {
  const { gradientDepth, activeTape, kernelDepth } = tf.engine().state;
  return (fn) => {
    const { state } = tf.engine();
    const now = { gradientDepth: state.gradientDepth, activeTape: state.activeTape, kernelDepth: state.kernelDepth };
    Object.assign(state, { gradientDepth, activeTape, kernelDepth });
    try {
      return fn();
    } finally {
      Object.assign(state, now);
    }
  };
}

/** The same values as a constant: no gradient reaches what `x` was computed from. No copy of the data. */
export function stopGradient<T extends tf.Tensor>(x: T): T {
  return withoutTape(() => tf.clone(x));
}

/**
 * Gradient checkpointing: computes `fn(...inputs)`, keeps only the inputs, and runs `fn` again when the gradient is asked for.
 * Trades one more forward pass for the memory of everything inside. Calls may be nested.
 *
 * Gradients reach the float32 tensors and variables among the inputs and nothing else: pass weights explicitly, a variable that
 * `fn` captures gets none. Both runs must give the same values.
 *
 * @example recompute((x, kernel) => tf.relu(tf.matMul(x, kernel)))(x, weights.kernel)
 * @param fn a function of tensors that returns one float32 tensor.
 * @param replay what the second run calls instead, for a function that also changes state (running statistics): the same
 *   values, nothing assigned. Default `fn`.
 * @throws SslError `SHAPE_MISMATCH` (when called) if no input is float32.
 */
export function recompute<I extends readonly tf.Tensor[], O extends tf.Tensor>(
  fn: (...inputs: I) => O,
  replay: (...inputs: I) => O = fn,
): (...inputs: I) => O {
  return (...inputs) => {
    const floats = inputs.filter((t) => t.dtype === 'float32');
    const others = inputs.filter((t) => t.dtype !== 'float32');
    if (floats.length === 0)
      throw new SslError('SHAPE_MISMATCH', 'recompute: there is no float32 tensor among the inputs.');
    const isWeight = floats.map((t) => t instanceof tf.Variable);
    const dtypes = inputs.map((t) => t.dtype);
    const inOrder = (sorted: readonly tf.Tensor[]) => {
      let [float, other] = [0, floats.length];
      return dtypes.map((dtype) => sorted[dtype === 'float32' ? float++ : other++]!) as unknown as I;
    };
    const run = tf.customGrad((...args) => {
      const sorted = [...(args.slice(0, -1) as tf.Tensor[]), ...others];
      (args[args.length - 1] as tf.GradSaveFunc)(sorted); // clones that live as long as the tape
      const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]) => {
        const late = saved.map((t, i) => (i < floats.length && !isWeight[i] ? after(t, dy) : t));
        return gradientsOf(() => replay(...inOrder(late)), late.slice(0, floats.length), dy);
      };
      return { value: fn(...inOrder(sorted)), gradFunc };
    });
    return run(...floats) as O;
  };
}

/**
 * `x` once the gradient `dy` is there. In a compiled graph the second run would be merged with the first if it read the same tensors,
 * and nothing would be saved.
 */
const after = (x: tf.Tensor, dy: tf.Tensor): tf.Tensor =>
  hasKernel('After') ? runKernel('After', { x, gate: dy }) : x;

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
