import {
  type Backbone,
  type CompiledStep,
  createWeights,
  type HostTensor,
  hostScalar,
  linear,
  normal,
  type Optimizer,
  type Parameter,
  type Program,
  Rng,
  type Runtime,
  SslError,
  type StepFunction,
  type WeightSpecs,
  type Weights,
  zeros,
} from '@contrastive/core';
import * as tf from '@tensorflow/tfjs-core';

/** An encoder with a linear head, its optimiser state and the compiled steps of both. */
export interface TrainableClassifier {
  /** One step; images [n, side, side, 3] and target rows [n, classes] of sum 1. @returns the mean cross-entropy before the step. */
  step(images: HostTensor<tf.Rank.R4>, targets: Float32Array, learningRate: number): Promise<number>;
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
  /** Rate of each block as a multiple of that of the block behind it; `undefined`: all alike. */
  readonly layerDecay: number | undefined;
  /** Longer gradients (all parameters together) are cut to this length; `undefined`: none. */
  readonly clipNorm: number | undefined;
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
  const group = (parameters: readonly Parameter[], factor: number): Group => {
    const optimizer = options.optimizer(learningRate * factor);
    return { parameters, optimizer, slots: optimizer.slots(parameters), factor };
  };
  const groups = [
    ...layersOf(trainable(backbone.specs, trunk), options.layerDecay).map(([factor, layer]) => group(layer, factor)),
    group(trainable(headSpecs, headWeights), options.headFactor),
  ];
  const variables = {
    ...under('backbone', trunk),
    ...under('head', headWeights),
    ...Object.assign({}, ...groups.map(({ slots }, i) => under(`slots${i}`, slots))),
  } as Weights;
  const logitsOf = (images: tf.Tensor4D, training: boolean) => {
    const pass = { training, updateStats: training };
    return head.apply(headWeights, backbone.apply(trunk, images, pass).pooled, pass);
  };
  const train = trainStep(groups, options.clipNorm, (images) => logitsOf(images, true));
  const score: StepFunction = ({ images }) => ({ logits: logitsOf(images as tf.Tensor4D, false) });
  return new CompiledClassifier(runtime.createProgram(variables), variables, trunk, { train, score }, learningRate);
}

const under = (prefix: string, weights: Weights): Weights =>
  Object.fromEntries(Object.entries(weights).map(([name, v]) => [`${prefix}/${name}`, v]));

/** A class token counts as a bias: recipes that spare biases from decay spare it too. */
const trainable = (specs: WeightSpecs, weights: Weights): Parameter[] =>
  Object.entries(weights)
    .filter(([, variable]) => variable.trainable)
    .map(([path, variable]) => {
      const spec = specs[path]!;
      return { path, variable, spec: path === 'cls' ? { ...spec, role: 'bias' } : spec };
    });

/**
 * Parameters by their rates' factors: decay^(blocks + 1 − layer), where the input is layer 0, block i is layer i + 1 and what follows is
 * the last layer.
 */
function layersOf(parameters: readonly Parameter[], decay: number | undefined): [number, Parameter[]][] {
  if (decay === undefined) return [[1, [...parameters]]];
  const blockOf = ({ path }: Parameter) => Number(/^block(\d+)\//.exec(path)?.[1] ?? Number.NaN);
  const blocks = 1 + Math.max(-1, ...parameters.map(blockOf).filter(Number.isFinite));
  if (blocks === 0) {
    throw new SslError('BAD_OPTION', 'fineTune: a rate that falls from block to block needs a network of blocks.', {
      hint: 'This recipe is for vision transformers.',
    });
  }
  const layers = new Map<number, Parameter[]>();
  for (const parameter of parameters) {
    const block = blockOf(parameter);
    const layer = Number.isFinite(block) ? block + 1 : parameter.path.startsWith('norm/') ? blocks + 1 : 0;
    layers.set(layer, [...(layers.get(layer) ?? []), parameter]);
  }
  return [...layers].map(([layer, own]) => [decay ** (blocks + 1 - layer), own]);
}

function trainStep(
  groups: readonly Group[],
  clipNorm: number | undefined,
  logitsOf: (images: tf.Tensor4D) => tf.Tensor2D,
): StepFunction {
  const parameters = groups.flatMap((g) => g.parameters);
  return ({ images, targets, scheduled, base }) => {
    const { value, grads } = tf.variableGrads(
      () => {
        const logits = logitsOf(images as tf.Tensor4D);
        return tf.mean(tf.sub(tf.logSumExp(logits, 1), tf.sum(tf.mul(logits, targets!), 1))) as tf.Scalar;
      },
      parameters.map((p) => p.variable),
    );
    const all = parameters.map((p) => grads[p.variable.name] ?? tf.zerosLike(p.variable));
    const gradients = new Map(clipped(all, clipNorm).map((gradient, i) => [parameters[i]!, gradient]));
    for (const { parameters: own, optimizer, slots, factor } of groups) {
      const rate = (r: tf.Tensor) => tf.mul(r, factor) as tf.Scalar;
      const ours = own.map((p) => gradients.get(p)!);
      optimizer.update(own, ours, slots, { scheduled: rate(scheduled!), base: rate(base!) });
    }
    return { loss: value };
  };
}

/** All gradients times min(1, limit / (length + 1e-6)), as PyTorch does. */
function clipped(gradients: readonly tf.Tensor[], limit: number | undefined): readonly tf.Tensor[] {
  if (limit === undefined) return gradients;
  const length = tf.sqrt(tf.addN(gradients.map((g) => tf.sum(tf.square(g)))));
  const scale = tf.minimum(1, tf.div(limit, tf.add(length, 1e-6)));
  return gradients.map((g) => tf.mul(g, scale));
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

  async step(images: HostTensor<tf.Rank.R4>, data: Float32Array, learningRate: number): Promise<number> {
    const rates = { scheduled: hostScalar(learningRate), base: hostScalar(this.learningRate) };
    const [n] = images.shape;
    const targets: HostTensor = { shape: [n, data.length / n], dtype: 'float32', data };
    const inputs = { images, targets, ...rates };
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
