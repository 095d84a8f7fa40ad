// Two losses of unit rows: InfoNCE against a queue, and NT-Xent.
import '@tensorflow/tfjs-backend-cpu'; // any tfjs backend will do
import { infoNce, ntXent } from '@contrastive/core';
import * as tf from '@tensorflow/tfjs-core';

/** Rows on the unit circle, by their angles in degrees. */
const unit = (angles: number[]): tf.Tensor2D =>
  tf.tensor2d(angles.map((a) => [Math.cos((a * Math.PI) / 180), Math.sin((a * Math.PI) / 180)]));

const queue = unit([180, 225, 270]);
console.log(infoNce(unit([10, 100]), unit([0, 90]), { queue, temperature: 0.2 }).dataSync()); // 0.010425
console.log(ntXent(unit([0, 90]), unit([20, 140]), { temperature: 0.5 }).dataSync()); // 0.306964
