import { type HostTensors, hostScalar, hostTensor, type StepFunction } from '@contrastive/core';
import * as tf from '@tensorflow/tfjs-core';

const EPSILON = 1e-5;
const kernel = (name: string, inputs: tf.NamedTensorMap, attrs = {}) =>
  tf.engine().runKernel(name, inputs, attrs) as unknown as tf.Tensor[];

/** Batch norm through the engine's fused kernels. */
export function fusedBatchNorm(x: tf.Tensor, scale: tf.Tensor, offset: tf.Tensor): tf.Tensor {
  const attrs = { epsilon: EPSILON };
  const op = tf.customGrad((...args) => {
    const save = args.pop() as unknown as tf.GradSaveFunc;
    const [a, s, o] = args as tf.Tensor[];
    const [y, , , r1, r2, r3] = kernel('FusedBatchNormV3', { x: a!, scale: s!, offset: o! }, attrs);
    save([a!, s!, r1!, r2!, r3!]);
    const gradFunc = (dy: tf.Tensor, [x_, s_, a1, a2, a3]: tf.Tensor[]) =>
      kernel('FusedBatchNormGradV3', { dy, x: x_!, scale: s_!, r1: a1!, r2: a2!, r3: a3! }, attrs);
    return { value: y!, gradFunc };
  });
  return op(x, scale, offset);
}

/** Classifies random images with conv, batch norm, ReLU, a strided conv, a mean and a matrix product; trained by momentum. */
export function tinyNet(seed = 1) {
  let next = seed;
  const weight = (shape: number[], scale: number) =>
    tf.tidy(() => tf.variable(tf.mul(tf.randomNormal(shape, 0, 1, 'float32', next++), scale)));
  const parameters = {
    conv1: weight([3, 3, 3, 8], 0.3),
    scale: tf.variable(tf.ones([8])),
    offset: tf.variable(tf.zeros([8])),
    conv2: weight([3, 3, 8, 8], 0.2),
    head: weight([8, 4], 0.5),
  };
  const names = Object.keys(parameters) as (keyof typeof parameters)[];
  const momenta = names.map((name) => tf.variable(tf.zerosLike(parameters[name]), false));
  const count = tf.variable(tf.scalar(0, 'int32'), false);
  const forward = (x: tf.Tensor): tf.Tensor => {
    const a = tf.relu(
      fusedBatchNorm(
        tf.conv2d(x as tf.Tensor4D, parameters.conv1 as tf.Tensor4D, 1, 'same'),
        parameters.scale,
        parameters.offset,
      ),
    );
    const b = tf.relu(tf.conv2d(a as tf.Tensor4D, parameters.conv2 as tf.Tensor4D, 2, 'same'));
    return tf.matMul(tf.mean(b, [1, 2]) as tf.Tensor2D, parameters.head as tf.Tensor2D);
  };
  const step: StepFunction = ({ x, labels, lr }) => {
    const loss = () => {
      const logits = forward(x!);
      const target = tf.oneHot(labels as tf.Tensor1D, 4);
      return tf.neg(tf.mean(tf.sum(tf.mul(tf.logSoftmax(logits), target), 1))) as tf.Scalar;
    };
    const { value, grads } = tf.variableGrads(loss);
    names.forEach((name, i) => {
      const variable = parameters[name];
      momenta[i]!.assign(tf.add(tf.mul(momenta[i]!, 0.9), grads[variable.name]!));
      variable.assign(tf.sub(variable, tf.mul(momenta[i]!, lr!)));
    });
    count.assign(tf.add(count, tf.scalar(1, 'int32')));
    return { loss: value, count: tf.clone(count), logits: forward(x!) };
  };
  const variables: Record<string, tf.Variable> = { ...parameters, count };
  momenta.forEach((m, i) => {
    variables[`momentum/${names[i]}`] = m;
  });
  const dispose = () => tf.dispose(variables);
  return { step, variables, dispose };
}

/** A batch of random images with labels, the same for the same seed. */
export function batch(seed = 7, size = 8): HostTensors {
  const x = tf.tidy(() => tf.randomNormal([size, 8, 8, 3], 0, 1, 'float32', seed).dataSync() as Float32Array);
  return {
    x: hostTensor([size, 8, 8, 3], x),
    labels: hostTensor(
      [size],
      Int32Array.from({ length: size }, (_, i) => i % 4),
    ),
    lr: hostScalar(0.1),
  };
}
