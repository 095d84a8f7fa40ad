import {
  type Comparison,
  enqueue,
  type Ring,
  scoreTerms,
  softmax,
  stopGradient,
  type Tensors,
  type Term,
  unit,
} from '@contrastive/core';
import type { ParityAdapter, ParityKinds } from '@contrastive/testing';
import * as tf from '@tensorflow/tfjs-core';
import { branchOf, type Heads } from '../test/regions.js';

import {
  allOnHost,
  type Box,
  below,
  drawsFor,
  gradientsAt,
  gradientsBelow,
  type Nested,
  onePositive,
  optionsOf,
  type RegionParams,
  shapeOf,
  withRegions,
} from './inputs.js';

const mlp =
  ({ w1, b1, w2, b2 }: Record<string, tf.Tensor>): Heads =>
  (pooled) => {
    const hidden = tf.relu(tf.add(tf.matMul(pooled, w1 as tf.Tensor2D), b1!));
    const projection = tf.add(tf.matMul(hidden as tf.Tensor2D, w2 as tf.Tensor2D), b2!) as tf.Tensor2D;
    return { projection, predicted: projection };
  };

/** RegionCL-M from given feature maps: MoCo's term, then the plug-in. */
const mocoLoss: ParityAdapter = async (fixture, { run }) => {
  const { projector, queue, ...maps } = fixture.inputs as Record<string, Nested> & {
    projector: Record<string, Nested>;
    queue: Nested;
  };
  const params = fixture.params as RegionParams & {
    temperature: number;
    box: Box;
    permutation: number[];
    pointerBefore?: number;
  };
  const grid = shapeOf(maps.featureQuery!)[1]!;
  const draws = drawsFor({ view1: params.box }, params.permutation, grid);
  const inputs = { ...allOnHost(maps), ...allOnHost(projector, 'projector/'), ...draws };
  const ring: Ring = {
    rows: tf.variable(tf.tensor2d(queue as number[][]), false),
    pointer: tf.variable(tf.scalar(params.pointerBefore ?? 0, 'int32'), false),
  };
  const options = optionsOf(params);
  const forward = (on: Tensors) => {
    const heads = mlp(below('projector/', on));
    const map = (name: string) => on[name] as tf.Tensor4D;
    const online = branchOf({ view1: map('featureQuery') }, [map('featureComposed')], heads);
    const target = branchOf({ view2: map('featureKey') }, [], heads);
    const keys = stopGradient(target.view('view2').embedding);
    const host: Comparison = {
      ...{ from: 'view1', to: 'view2', anchors: online.view('view1').embedding, positives: onePositive(keys) },
      negatives: [{ kind: 'shared', rows: tf.clone(ring.rows) as tf.Tensor2D }],
      ...{ temperature: params.temperature, share: 1, objective: softmax },
    };
    const { terms, features } = withRegions(options, {
      online,
      target,
      comparisons: [host],
      draws: on,
      side: grid,
    });
    const { total, scored } = scoreTerms(terms);
    const [instance, region] = scored;
    const [canvas, paste] = region!.comparisons;
    const logits = ({ scores, comparison }: NonNullable<typeof canvas>) =>
      tf.div(tf.concat([scores!.positives, ...scores!.negatives], 1), comparison.temperature);
    return {
      keys,
      outputs: {
        ...pooledRegions(on, grid),
        q: host.anchors,
        k: keys,
        canvas: features['online/canvas/view1']!,
        paste: features['online/paste/view1']!,
        pasteByComposed: tf.gather(features['online/paste/view1']!, on.partner as tf.Tensor1D),
        logitsCanvas: logits(canvas!),
        logitsPaste: logits(paste!),
        cePerCanvas: canvas!.losses,
        cePerPaste: paste!.losses,
        lossInstance: instance!.loss,
        lossRegion: region!.loss,
        loss: total,
      },
    };
  };
  const outputs = await run(
    (on) => {
      const { outputs, keys } = forward(on);
      const names = Object.keys(on).filter((name) => /^(featureQuery|featureComposed|projector\/.*)$/.test(name));
      const gradients = gradientsAt(on, names, (all) => forward(all).outputs.loss);
      enqueue(ring, keys, { overflow: 'wrap' });
      return { ...outputs, ...Object.fromEntries(names.map((name) => [`grad/${name}`, gradients[name]!])) };
    },
    inputs,
    { rows: ring.rows, pointer: ring.pointer },
  );
  return {
    ...outputs,
    gradFeatureQuery: outputs['grad/featureQuery'],
    gradFeatureComposed: outputs['grad/featureComposed'],
    gradProjector: gradientsBelow('grad/projector/', outputs),
    ...{ queueAfter: ring.rows, pointerAfter: ring.pointer },
  };
};

/** The pooled rows before the projector: read by encoding with a projector that does nothing. */
function pooledRegions(on: Tensors, grid: number): Record<string, tf.Tensor> {
  const raw: tf.Tensor2D[] = [];
  const heads: Heads = (pooled) => {
    raw.push(pooled);
    return { projection: pooled, predicted: pooled };
  };
  const map = (name: string) => on[name] as tf.Tensor4D;
  const online = branchOf({ view1: map('featureQuery') }, [map('featureComposed')], heads);
  const global = online.view('view1');
  const comparison = {
    ...{ from: 'view1', to: 'view2', anchors: global.embedding, positives: onePositive(global.embedding) },
    ...{ negatives: [], temperature: 1, share: 1, objective: softmax },
  };
  withRegions({}, { online, target: online, comparisons: [comparison], draws: on, side: grid });
  const [canvas, paste] = tf.split(raw[raw.length - 1]!, 2);
  return {
    pooledGlobal: global.pooled,
    pooledCanvas: canvas!,
    pooledPasteByComposed: tf.gather(paste!, on.partner as tf.Tensor1D),
  };
}

/** RegionCL-D: DenseCL's two terms, and regions with the global head, key and queue. */
const denseLoss: ParityAdapter = async (fixture, { run }) => {
  const { heads, queue, queueDense, ...maps } = fixture.inputs as Record<string, Nested> & {
    heads: Record<string, Nested>;
  };
  const params = fixture.params as RegionParams & {
    temperature: number;
    lambda: number;
    box: Box;
    permutation: number[];
  };
  const grid = shapeOf(maps.featureQuery!)[1]!;
  const inputs = {
    ...allOnHost({ ...maps, queue: queue!, queueDense: queueDense! }),
    ...allOnHost(heads, 'heads/'),
    ...drawsFor({ view1: params.box }, params.permutation, grid),
  };
  const forward = (on: Tensors) => {
    const weights = (kind: string): Record<string, tf.Tensor> =>
      Object.fromEntries(Object.entries(below(`heads/${kind}`, on)).map(([name, t]) => [name.toLowerCase(), t]));
    const map = (name: string) => on[name] as tf.Tensor4D;
    const online = branchOf({ view1: map('featureQuery') }, [map('featureComposed')], mlp(weights('global')));
    const target = branchOf({ view2: map('featureKey') }, [], mlp(weights('global')));
    const common = { from: 'view1', to: 'view2', temperature: params.temperature, share: 1, objective: softmax };
    const host: Comparison = {
      ...{ ...common, anchors: online.view('view1').embedding },
      positives: onePositive(stopGradient(target.view('view2').embedding)),
      negatives: [{ kind: 'shared', rows: on.queue as tf.Tensor2D }],
    };
    const cells = (name: string) => {
      const { projection } = mlp(weights('dense'))(tf.reshape(map(name), [-1, map(name).shape[3]]) as tf.Tensor2D);
      return unit(tf.reshape(projection, [map(name).shape[0], grid * grid, -1]));
    };
    const features = (name: string) => unit(tf.reshape(map(name), [map(name).shape[0], grid * grid, -1]));
    const similar = tf.matMul(features('featureQuery'), features('featureKey'), false, true);
    const matched = tf.gather(cells('featureKey'), tf.argMax(similar, 2) as tf.Tensor2D, 1, 1);
    const flat = (t: tf.Tensor) => tf.reshape(t, [-1, t.shape[2]!]) as tf.Tensor2D;
    const dense: Comparison = {
      ...{ ...common, anchors: flat(cells('featureQuery')), positives: onePositive(stopGradient(flat(matched))) },
      negatives: [{ kind: 'shared', rows: on.queueDense as tf.Tensor2D }],
    };
    const { terms } = withRegions(optionsOf(params), { online, target, comparisons: [host], draws: on, side: grid });
    const weighted: readonly Term[] = [
      { ...terms[0]!, weight: 1 - params.lambda },
      { name: 'dense', weight: params.lambda, comparisons: [dense] },
      terms[1]!,
    ];
    const { total, scored } = scoreTerms(weighted);
    return {
      lossGlobalWeighted: tf.mul(scored[0]!.loss, 1 - params.lambda),
      lossDenseWeighted: tf.mul(scored[1]!.loss, params.lambda),
      lossRegion: scored[2]!.loss,
      loss: total,
    };
  };
  const outputs = await run((on) => {
    const names = Object.keys(on).filter((name) => /^(featureQuery|featureComposed|heads\/.*)$/.test(name));
    const gradients = gradientsAt(on, names, (all) => forward(all).loss);
    return { ...forward(on), ...Object.fromEntries(names.map((name) => [`grad/${name}`, gradients[name]!])) };
  }, inputs);
  return {
    ...outputs,
    gradFeatureQuery: outputs['grad/featureQuery'],
    gradFeatureComposed: outputs['grad/featureComposed'],
    gradHeads: gradientsBelow('grad/heads/', outputs),
  };
};

export const kinds: ParityKinds = {
  'regioncl/m_loss': mocoLoss,
  'regioncl/d_loss': denseLoss,
};
