// What an encoder gives for two images.
import '@tensorflow/tfjs';
import { resnet18 } from '@contrastive/backbones';
import { createWeights, Rng } from '@contrastive/core';
import * as tf from '@tensorflow/tfjs-core';

const backbone = resnet18({ stem: 'cifar' });
const weights = createWeights(backbone.specs, Rng.create(1));
const images: tf.Tensor4D = tf.zeros([2, 32, 32, 3]);

const { map, pooled } = backbone.apply(weights, images, { training: false, updateStats: false });
console.log(map.shape, pooled.shape); // [2, 4, 4, 512] [2, 512]
console.log(backbone.grid(96), backbone.stride); // 12 cells along a side of 96 pixels, 8 pixels each
console.log((backbone.flops(32) / 1e9).toFixed(2)); // 1.11 GFLOP an image
