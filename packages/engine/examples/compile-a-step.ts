// Fits y = 2x + 1 by gradient descent in one compiled TensorFlow graph. Run: npx tsx examples/compile-a-step.ts
import { eagerRuntime, hostTensor, type StepFunction } from '@contrastive/core';
import { compiledRuntime, selectBackend } from '@contrastive/engine';
import * as tf from '@tensorflow/tfjs-core';

const chosen = await selectBackend(); // TensorFlow where its library is there, else wasm
const runtime = chosen.backend === 'tensorflow' ? compiledRuntime() : eagerRuntime;

const variables = { slope: tf.variable(tf.scalar(0)), offset: tf.variable(tf.scalar(0)) };
const step: StepFunction = ({ x, y }) => {
  const { slope, offset } = variables;
  const loss = () => tf.mean(tf.squaredDifference(tf.add(tf.mul(slope, x!), offset), y!)) as tf.Scalar;
  const { value, grads } = tf.variableGrads(loss);
  for (const v of [slope, offset]) v.assign(tf.sub(v, tf.mul(grads[v.name]!, 0.1)));
  return { loss: value };
};

const batch = { x: hostTensor([3], [0, 1, 2]), y: hostTensor([3], [1, 3, 5]) };
const program = runtime.createProgram(variables);
const train = await program.prepare('train', step, batch);
for (let i = 0; i < 300; i++) await train.run(batch, i % 100 === 0 ? ['loss'] : []);
await program.pull();
console.log(variables.slope.dataSync()[0]!.toFixed(2), variables.offset.dataSync()[0]!.toFixed(2)); // 2.00 1.00
program.dispose();
