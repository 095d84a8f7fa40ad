import {
  dense,
  gelu,
  type Initializer,
  layerNormalization,
  type Module,
  ones,
  prefixed,
  selfAttention,
  type WeightSpecs,
  type Weights,
  xavierUniform,
  zeros,
} from '@contrastive/core';
import * as tf from '@tensorflow/tfjs-core';

const LAYER_NORM_EPSILON = 1e-6;

type TokenModule = Module<tf.Tensor3D, tf.Tensor3D>;

/** Layer norm over the channels of each token: weights `gamma`, `beta`. */
export const layerNorm = (dim: number): TokenModule => ({
  specs: {
    gamma: { shape: [dim], role: 'norm', init: ones },
    beta: { shape: [dim], role: 'norm', init: zeros },
  },
  apply: ({ gamma, beta }, x) => layerNormalization(x, gamma!, beta!, LAYER_NORM_EPSILON),
});

const matrix = (name: string, inputs: number, outputs: number, init: Initializer): WeightSpecs => ({
  [`${name}/kernel`]: { shape: [inputs, outputs], role: 'kernel', init },
  [`${name}/bias`]: { shape: [outputs], role: 'bias', init: zeros },
});
const product = (weights: Weights, name: string, x: tf.Tensor3D): tf.Tensor3D =>
  dense(x, weights[`${name}/kernel`]!, weights[`${name}/bias`]);

/**
 * Pre-norm transformer block on tokens [n, t, dim]:  x ← x + proj(attention(qkv(ln1(x)))),  x ← x + fc2(gelu(fc1(ln2(x)))).
 *
 * Start: Xavier-uniform, q, k and v as three matrices; biases 0 (spec "hosts" section 2).
 */
export function transformerBlock(dim: number, heads: number, hidden: number): TokenModule {
  const [ln1, ln2] = [prefixed('ln1', layerNorm(dim)), prefixed('ln2', layerNorm(dim))];
  return {
    specs: {
      ...ln1.specs,
      ...matrix('qkv', dim, 3 * dim, xavierUniform(3)),
      ...matrix('proj', dim, dim, xavierUniform()),
      ...ln2.specs,
      ...matrix('fc1', dim, hidden, xavierUniform()),
      ...matrix('fc2', hidden, dim, xavierUniform()),
    },
    apply: (weights, x, pass) => {
      const mixed = selfAttention(product(weights, 'qkv', ln1.apply(weights, x, pass)), heads);
      const between = tf.add(x, product(weights, 'proj', mixed)) as tf.Tensor3D;
      const wide = gelu(product(weights, 'fc1', ln2.apply(weights, between, pass)));
      return tf.add(between, product(weights, 'fc2', wide));
    },
  };
}
