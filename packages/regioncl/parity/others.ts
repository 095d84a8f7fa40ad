import {
  type Comparison,
  cosine,
  hostInts,
  inversePermutation,
  scoreTerms,
  stopGradient,
  type Tensors,
  unit,
} from '@contrastive/core';
import type { ParityAdapter, ParityKinds } from '@contrastive/testing';
import * as tf from '@tensorflow/tfjs-core';
import { composeImages, maskSides, officialSide, type RegionclOptions, rectangleMask } from '../src/index.js';
import { branchOf, type Heads } from '../test/regions.js';

import {
  allOnHost,
  type Box,
  below,
  drawsFor,
  gradientsAt,
  type Nested,
  onePositive,
  onHost,
  rectangle,
  shapeOf,
  withRegions,
} from './inputs.js';

/** RegionCL-S: SimSiam's two directions, then the plug-in. */
const simsiamLoss: ParityAdapter = async (fixture, { run }) => {
  const { permutation, projector, predictor, ...maps } = fixture.inputs as Record<string, Nested> & {
    permutation: number[];
    projector: Nested;
    predictor: Record<string, Nested>;
  };
  const { box1, box2, symmetricRegion, bnEps, regionWeight } = fixture.params as {
    box1: Box;
    box2: Box | null;
    symmetricRegion: boolean;
    bnEps: number;
    regionWeight?: number;
  };
  const grid = shapeOf(maps.feature1!)[1]!;
  const boxes = { view1: box1, ...(!symmetricRegion || box2 === null ? {} : { view2: box2 }) };
  const inputs = {
    ...allOnHost({ ...maps, projector }),
    ...allOnHost(predictor, 'predictor/'),
    ...drawsFor(boxes, permutation, grid),
  };
  const forward = (on: Tensors) => {
    const map = (name: string) => on[name] as tf.Tensor4D;
    const heads = simsiamHeads(on, bnEps);
    const composed = symmetricRegion ? [map('composed1'), map('composed2')] : [map('composed1')];
    const online = branchOf({ view1: map('feature1'), view2: map('feature2') }, composed, heads);
    const direction = (from: string, to: string): Comparison => ({
      ...{ from, to, anchors: online.view(from).embedding },
      positives: onePositive(stopGradient(unit(online.view(to).projection))),
      ...{ negatives: [], temperature: 1, share: 1 / 2, objective: cosine(0, -1) },
    });
    const comparisons = [direction('view1', 'view2'), direction('view2', 'view1')];
    const given = { online, target: online, comparisons, draws: on, side: grid };
    const { terms } = withRegions({ symmetric: symmetricRegion, regionWeight } as RegionclOptions, given);
    const { total, scored } = scoreTerms(terms);
    const region = scored[1]!;
    const first = region.comparisons.slice(0, 2).map(({ losses }) => tf.mean(losses));
    return {
      lossHost: scored[0]!.loss,
      lossRegion: region.loss,
      lossRegion12: tf.div(tf.addN(first), 2),
      loss: total,
    };
  };
  const outputs = await run((on) => {
    const names = Object.keys(on).filter((name) => /^(feature\d|composed\d|projector|predictor\/.*)$/.test(name));
    const gradients = gradientsAt(on, names, (all) => forward(all).loss);
    return { ...forward(on), ...Object.fromEntries(names.map((name) => [gradientName(name), gradients[name]!])) };
  }, inputs);
  return outputs;
};

/** feature1 → gradFeature1, predictor/w1 → gradPredW1. */
function gradientName(name: string): string {
  const short = name.replace('predictor/', 'pred/').split('/');
  return `grad${short.map((part) => part[0]!.toUpperCase() + part.slice(1)).join('')}`;
}

function simsiamHeads(on: Tensors, eps: number): Heads {
  const { w1, gamma, beta, w2, b2 } = below('predictor/', on);
  return (pooled) => {
    const projection = tf.matMul(pooled, on.projector as tf.Tensor2D) as tf.Tensor2D;
    const hidden = tf.matMul(projection, w1 as tf.Tensor2D);
    const { mean, variance } = tf.moments(hidden, 0);
    const normed = tf.div(tf.sub(hidden, mean), tf.sqrt(tf.add(variance, eps)));
    const active = tf.relu(tf.add(tf.mul(normed, gamma!), beta!)) as tf.Tensor2D;
    return { projection, predicted: tf.add(tf.matMul(active, w2 as tf.Tensor2D), b2!) as tf.Tensor2D };
  };
}

const officialSampler: ParityAdapter = (fixture) => {
  const { draws } = fixture.inputs as { draws: { gw: number; gh: number; uW: number; uH: number }[] };
  const { size, stride } = fixture.params as { size: number; stride: number };
  const geometry = { side: size, grid: size / stride };
  const boxes = draws.map(({ gw, gh, uW, uH }) => {
    const [rows, columns] = [officialSide(uH, gh, geometry), officialSide(uW, gw, geometry)];
    const cells = (side: typeof rows) => ({
      first: side.cells.indexOf(1),
      count: side.cells.reduce((sum, c) => sum + c, 0),
    });
    return {
      pixelBox: { y: rows.start, x: columns.start, h: rows.size, w: columns.size },
      cellBox: {
        ...{ gy: cells(rows).first, gx: cells(columns).first },
        ...{ gh: cells(rows).count, gw: cells(columns).count },
      },
    };
  });
  return { boxes };
};

const swap: ParityAdapter = async (fixture, { run }) => {
  const { xq, permutation } = fixture.inputs as { xq: Nested; permutation: number[] };
  const { stride, box } = fixture.params as { stride: number; box: Box };
  const side = shapeOf(xq)[1]!;
  const grid = side / stride;
  const inverse = inversePermutation(permutation);
  const inputs = {
    images: onHost(xq),
    ...{ order: hostInts(permutation), inverse: hostInts(inverse) },
    ...maskSides('view1', [rectangle(box, grid, stride)], { side, grid }),
  };
  const { xs } = await run(
    (on) => ({
      xs: composeImages(on.images as tf.Tensor4D, rectangleMask(on['pixels/view1'] as tf.Tensor3D), {
        order: on.order as tf.Tensor1D,
        inverse: on.inverse as tf.Tensor1D,
      }),
    }),
    inputs,
  );
  return { xs, inversePermutation: inverse };
};

export const kinds: ParityKinds = {
  'regioncl/s_loss': simsiamLoss,
  'regioncl/official_sampler': officialSampler,
  'regioncl/swap': swap,
};
