import {
  type Backbone,
  type CompiledStep,
  createWeights,
  type HostTensor,
  hostInts,
  hostScalar,
  linear,
  normal,
  type Optimizer,
  type Parameter,
  type Program,
  Rng,
  type Runtime,
  type StepFunction,
  type WeightSpecs,
  type Weights,
  zeros,
} from '@contrastive/core';
import * as tf from '@tensorflow/tfjs-core';

/** An encoder with a linear head, its optimiser state and the compiled steps of both. */
export interface TrainableClassifier {
  /** One step; images [n, side, side, 3] and their classes. @returns the mean cross-entropy before the step. */
  step(images: HostTensor<tf.Rank.R4>, labels: Int32Array, learningRate: number): Promise<number>;
  /** Logits [n, classes] in evaluation mode. All calls must have the same n. */
  logits(images: HostTensor<tf.Rank.R4>): Promise<Float32Array>;
  /** The encoder's weights as they are now; they are the classifier's. */
  encoder(): Promise<Weights>;
  dispose(): void;
}

export interface ClassifierOptions {
  readonly backbone: Backbone;
  /** Initial weights, copied. Default: the backbone's own initialisation from `seed`. */
  readonly weights?: Weights | undefined;
  readonly classes: number;
  readonly optimizer: (learningRate: number) => Optimizer;
  /** Base learning rate of the encoder. */
  readonly learningRate: number;
  /** The head's rate as a multiple of it. */
  readonly headFactor: number;
  readonly seed: number;
  readonly runtime: Runtime;
}

/** Parameters that move together: with a rate of their own, so with an optimiser of their own (its step counter counts once a step). */
interface Group {
  readonly parameters: readonly Parameter[];
  readonly optimizer: Optimizer;
  readonly slots: Weights;
  readonly factor: number;
}

/**
 * A classifier whose training step runs through a {@link Runtime}: softmax cross-entropy, batch norm in training mode. The head starts
 * at N(0, 0.01²), bias 0.
 */
export function createClassifier(options: ClassifierOptions): TrainableClassifier {
  const { backbone, classes, runtime, learningRate } = options;
  const rng = Rng.create(options.seed).fork('fine-tune');
  const head = linear(backbone.channels, classes);
  const headSpecs: WeightSpecs = {
    kernel: { ...head.specs.kernel!, init: normal(0.01) },
    bias: { ...head.specs.bias!, init: zeros },
  };
  const trunk = createWeights(backbone.specs, rng.fork('backbone'));
  if (options.weights !== undefined) for (const [name, v] of Object.entries(trunk)) v.assign(options.weights[name]!);
  const headWeights = createWeights(headSpecs, rng.fork('head'));
  const group = (specs: WeightSpecs, weights: Weights, factor: number): Group => {
    const parameters = Object.entries(weights)
      .filter(([, variable]) => variable.trainable)
      .map(([path, variable]) => ({ path, variable, spec: specs[path]! }));
    const optimizer = options.optimizer(learningRate * factor);
    return { parameters, optimizer, slots: optimizer.slots(parameters), factor };
  };
  const groups = [group(backbone.specs, trunk, 1), group(headSpecs, headWeights, options.headFactor)];
  const variables = {
    ...under('backbone', trunk),
    ...under('head', headWeights),
    ...Object.assign({}, ...groups.map(({ slots }, i) => under(`slots${i}`, slots))),
  } as Weights;
  const logitsOf = (images: tf.Tensor4D, training: boolean) => {
    const pass = { training, updateStats: training };
    return head.apply(headWeights, backbone.apply(trunk, images, pass).pooled, pass);
  };
  const train = trainStep(groups, classes, (images) => logitsOf(images, true));
  const score: StepFunction = ({ images }) => ({ logits: logitsOf(images as tf.Tensor4D, false) });
  return new CompiledClassifier(runtime.createProgram(variables), variables, trunk, { train, score }, learningRate);
}

const under = (prefix: string, weights: Weights): Weights =>
  Object.fromEntries(Object.entries(weights).map(([name, v]) => [`${prefix}/${name}`, v]));

function trainStep(
  groups: readonly Group[],
  classes: number,
  logitsOf: (images: tf.Tensor4D) => tf.Tensor2D,
): StepFunction {
  const parameters = groups.flatMap((g) => g.parameters);
  return ({ images, labels, scheduled, base }) => {
    // Not oneHot's own float32: the wasm backend writes integers into it.
    const target = tf.cast(tf.oneHot(labels as tf.Tensor1D, classes), 'float32');
    const { value, grads } = tf.variableGrads(
      () => {
        const logits = logitsOf(images as tf.Tensor4D);
        return tf.mean(tf.sub(tf.logSumExp(logits, 1), tf.sum(tf.mul(logits, target), 1))) as tf.Scalar;
      },
      parameters.map((p) => p.variable),
    );
    for (const { parameters: own, optimizer, slots, factor } of groups) {
      const gradients = own.map((p) => grads[p.variable.name] ?? tf.zerosLike(p.variable));
      const rate = (r: tf.Tensor) => tf.mul(r, factor) as tf.Scalar;
      optimizer.update(own, gradients, slots, { scheduled: rate(scheduled!), base: rate(base!) });
    }
    return { loss: value };
  };
}

class CompiledClassifier implements TrainableClassifier {
  #train: CompiledStep | undefined;
  #score: CompiledStep | undefined;

  constructor(
    readonly program: Program,
    readonly variables: Weights,
    readonly trunk: Weights,
    readonly steps: { readonly train: StepFunction; readonly score: StepFunction },
    readonly learningRate: number,
  ) {}

  async step(images: HostTensor<tf.Rank.R4>, labels: Int32Array, learningRate: number): Promise<number> {
    const rates = { scheduled: hostScalar(learningRate), base: hostScalar(this.learningRate) };
    const inputs = { images, labels: hostInts(labels), ...rates };
    this.#train ??= await this.program.prepare('fine-tune', this.steps.train, inputs);
    const { loss } = await this.#train.run(inputs);
    return loss!.data[0]!;
  }

  async logits(images: HostTensor<tf.Rank.R4>): Promise<Float32Array> {
    this.#score ??= await this.program.prepare('classify', this.steps.score, { images });
    const { logits } = await this.#score.run({ images });
    return logits!.data as Float32Array;
  }

  async encoder(): Promise<Weights> {
    await this.program.pull();
    return this.trunk;
  }

  dispose(): void {
    this.program.dispose();
    tf.dispose(Object.values(this.variables));
  }
}
