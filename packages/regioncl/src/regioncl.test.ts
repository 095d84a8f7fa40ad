import { type Comparison, cosine, scoreTerms, softmax, stopGradient, type Tensors, unit } from '@contrastive/core';
import { expectClose, seededRows, seededTensor } from '@contrastive/testing';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { atAngles, bare, branchOf, cornerDraws, ioOf, mapsOf, type RegionIo } from '../test/regions.js';
import type { RegionclOptions } from './options.js';
import { regioncl } from './regioncl.js';

const paired = (rows: tf.Tensor2D) => ({ kind: 'paired' as const, rows: tf.expandDims(rows, 1) as tf.Tensor3D });
const values = (t: tf.Tensor) => Array.from(t.dataSync());

interface Given {
  readonly canvas?: tf.Tensor2D;
  /** By composed image. */
  readonly paste?: tf.Tensor2D;
  readonly partner?: readonly number[];
  readonly negatives?: boolean;
}

/** Spec "regioncl" 7.3: unit rows at given angles; a grid of 2 × 2 whose corner is the paste. */
function example(given: Given = {}) {
  const { canvas = atAngles(20, 120), paste = atAngles(80, -15), partner = [1, 0], negatives = true } = given;
  const query = atAngles(10, 100);
  const online = branchOf({ view1: mapsOf(query, query) }, [mapsOf(paste, canvas)], bare);
  const keys = atAngles(0, 90);
  const target = branchOf({ view2: mapsOf(keys, keys) }, [], bare);
  const host: Comparison = {
    ...{ from: 'view1', to: 'view2', anchors: online.view('view1').embedding, positives: paired(keys) },
    negatives: negatives ? [{ kind: 'shared', rows: atAngles(180, 225, 270) }] : [],
    ...{ temperature: 0.2, share: 1, objective: negatives ? softmax : cosine(0, -1) },
  };
  return { io: ioOf({ online, target, comparisons: [host], draws: cornerDraws(partner), side: 2 }), host };
}

function regions(io: Omit<RegionIo, 'features'>, options: RegionclOptions = {}) {
  const plugin = regioncl(options);
  const features = plugin.encode!(io);
  const terms = plugin.edit!(io.hostTerms, { ...io, features });
  return { plugin, features, terms, ...scoreTerms(terms) };
}

describe('regioncl over MoCo: worked example 7.3 of spec "regioncl"', () => {
  it('adds the region term to the host’s', () => {
    const { scored, total } = regions(example().io);
    expectClose(scored[0]!.loss, 0.010425);
    expectClose(scored[1]!.loss, 0.094173);
    expectClose(total, 0.104599, { abs: 2e-6 });
    const [canvas, paste] = scored[1]!.comparisons;
    expectClose(canvas!.losses, [0.106881, 0.152343]);
    expectClose(paste!.losses, [0.029652, 0.087817]);
    const logits = tf.div(tf.concat([canvas!.scores!.positives, ...canvas!.scores!.negatives], 1), 0.2);
    expectClose(tf.slice(logits, 0, 1), [4.698463, 2.5, -4.698463, -4.531539, -1.710101]);
  });

  it('gives 0.046621 without the other region as a negative', () => {
    expectClose(regions(example().io, { intraNegative: false }).scored[1]!.loss, 0.046621);
  });

  it.each([
    [true, [-0.105234, 0.120833]],
    [false, [-0.087627, 0.22069]],
  ])('gives the gradient of 7.4 with intraStopGradient %s', (intraStopGradient, expected) => {
    // The example treats unit rows as free vectors.
    const loss = (canvas: tf.Tensor) => {
      const { features, plugin } = regions(example().io, { intraStopGradient });
      const free = { ...features, 'online/canvas/view1': canvas };
      const { io } = example();
      return scoreTerms(plugin.edit!(io.hostTerms, { ...io, features: free })).scored[1]!.loss;
    };
    expectClose(tf.slice(tf.grad(loss)(atAngles(20, 120)), 0, 1), expected);
  });

  it('weighs canvas and paste rows, and leaves out what weighs nothing', () => {
    const { scored } = regions(example().io, { canvasWeight: 1, pasteWeight: 0 });
    expectClose(scored[1]!.loss, (0.106881 + 0.152343) / 2);
    expect(scored[1]!.comparisons.length).toBe(1);
    expectClose(regions(example().io, { regionWeight: 3 }).total, 0.010425 + 3 * 0.094173, { abs: 2e-6 });
  });

  it('always costs more with the other region as a negative', () => {
    const [on, off] = [true, false].map((intraNegative) => regions(example().io, { intraNegative }).scored[1]!);
    on!.comparisons.forEach(({ losses }, i) => {
      expect(Math.min(...values(tf.sub(losses, off!.comparisons[i]!.losses)))).toBeGreaterThan(0);
      // Invariant 7: all of 1 + 3 + 1 candidates within 2 / τ of the positive.
      expect(Math.max(...values(losses))).toBeLessThanOrEqual(Math.log(1 + 4 * Math.exp(2 / 0.2)));
    });
  });

  it('has rows of the host’s form without it: a canvas that is the query costs what the query costs', () => {
    const { scored } = regions(example({ canvas: atAngles(10, 100) }).io, { intraNegative: false });
    expectClose(scored[1]!.comparisons[0]!.losses, scored[0]!.comparisons[0]!.losses);
  });

  it('takes a temperature of its own and drops the host’s negatives, if asked', () => {
    const { terms } = regions(example().io, { temperature: 0.5, hostNegatives: false });
    expect(terms[1]!.comparisons[0]!.temperature).toBe(0.5);
    expect(terms[1]!.comparisons[0]!.negatives.map((b) => b.kind)).toEqual(['paired']);
  });

  it('hides the other region of an image that is its own partner', () => {
    const loss = (options: RegionclOptions) => regions(example({ partner: [0, 1] }).io, options).scored[1]!.loss;
    expectClose(loss({}), loss({ intraNegative: false }));
    expect(values(loss({ maskFixedPoints: false }))[0]).toBeGreaterThan(values(loss({}))[0]!);
  });
});

describe('regioncl over SimSiam', () => {
  it('gives the worked example 7.5 and no negatives', () => {
    const { scored, terms } = regions(example({ negatives: false }).io);
    expectClose(scored[1]!.comparisons[0]!.losses, [-Math.cos(Math.PI / 9), -Math.cos(Math.PI / 6)]);
    expectClose(tf.mean(scored[1]!.comparisons[0]!.losses), -0.902859);
    expectClose(tf.mean(scored[1]!.comparisons[1]!.losses), -0.975367);
    expectClose(scored[1]!.loss, -0.939113);
    expect(terms[1]!.comparisons.every((c) => c.negatives.length === 0)).toBe(true);
  });
});

/** A host of both directions over images, whose encoder is an average pool of cells of 2 × 2 pixels. */
function pooledHost(images: tf.Tensor4D, partner: readonly number[], views: readonly string[] = ['view1']) {
  const pool = (x: tf.Tensor4D) => tf.avgPool(x, 2, 2, 'valid') as tf.Tensor4D;
  const online = branchOf({ view1: pool(images), view2: pool(images) }, pool, bare);
  const direction = (from: string, to: string): Comparison => ({
    ...{ from, to, anchors: online.view(from).embedding },
    positives: paired(stopGradient(online.view(to).embedding)),
    negatives: [{ kind: 'shared', rows: seededRows(5, 3, 3) }],
    ...{ temperature: 0.2, share: 1 / 2, objective: softmax },
  });
  const comparisons = [direction('view1', 'view2'), direction('view2', 'view1')];
  const corner = tf.tensor3d([1, 1, 0, 0, 1, 1, 0, 0], [2, 1, 4]);
  const draws: Record<string, tf.Tensor> = { ...cornerDraws(partner, views) };
  for (const view of views) draws[`pixels/${view}`] = corner;
  return ioOf({ online, target: online, comparisons, draws, side: 4, images });
}

describe('regioncl', () => {
  it('gives each canvas and each paste back to the image that owns it, for partners in a cycle of three', () => {
    const images = seededTensor<tf.Rank.R4>([3, 4, 4, 3], 5);
    const touched = (name: string, row: number, partner: readonly number[]) => {
      const gradient = tf.grad((x) =>
        tf.sum(tf.slice(regions(pooledHost(x as tf.Tensor4D, partner)).features[name]!, row, 1)),
      )(images);
      return values(tf.sum(tf.abs(gradient), [1, 2, 3])).map((v) => v > 0);
    };
    for (const row of [0, 1, 2]) {
      const own = [0, 1, 2].map((i) => i === row);
      expect(touched('online/canvas/view1', row, [1, 2, 0])).toEqual(own);
      expect(touched('online/paste/view1', row, [1, 2, 0])).toEqual(own);
    }
  });

  it('meets the other region of the same composed image: π for canvases, π⁻¹ for pastes', () => {
    const images = seededTensor<tf.Rank.R4>([3, 4, 4, 3], 6);
    const { terms, features } = regions(pooledHost(images, [1, 2, 0]));
    const intra = (i: number) => terms[1]!.comparisons[i]!.negatives[0]!.rows;
    expectClose(intra(0), tf.gather(features['online/paste/view1']!, [1, 2, 0]));
    expectClose(intra(1), tf.gather(features['online/canvas/view1']!, [2, 0, 1]));
  });

  it('splits the plain image where everyone is its own partner: A · paste + (G² − A) · canvas = G² · global', () => {
    const images = seededTensor<tf.Rank.R4>([3, 4, 4, 3], 13);
    const io = pooledHost(images, [0, 1, 2]);
    // Heads that leave rows as they are, in place of the unit rows that the host compares.
    const online = {
      ...io.online,
      project: (rows: tf.Tensor2D) => ({ projection: rows, embedding: rows }),
    };
    const features = regioncl().encode!({ ...io, online });
    const [canvas, paste] = ['canvas', 'paste'].map((name) => features[`online/${name}/view1`]!);
    expectClose(tf.div(tf.add(paste!, tf.mul(3, canvas!)), 4), tf.mean(images, [1, 2]));
  });

  it('weighs as much as the host’s term, from one view or from both', () => {
    const images = seededTensor<tf.Rank.R4>([2, 4, 4, 3], 7);
    const one = regions(pooledHost(images, [1, 0]));
    expect(one.terms[1]!.comparisons.map((c) => [c.from, c.share])).toEqual([['view1', 0.5], ['view1', 0.5]]); // biome-ignore format: short
    const both = regions(pooledHost(images, [1, 0], ['view1', 'view2']));
    expect(both.terms[1]!.comparisons.map((c) => [c.from, c.share])).toEqual([
      ...[['view1', 0.25], ['view1', 0.25]], // biome-ignore format: short
      ...[['view2', 0.25], ['view2', 0.25]], // biome-ignore format: short
    ]);
  });

  it('pools the plain image with `unswapped`, the composed one as a whole with `whole`', () => {
    const images = seededTensor<tf.Rank.R4>([2, 4, 4, 3], 8);
    const plain = regions(pooledHost(images, [1, 0]), { pool: 'unswapped' }).features;
    const corner = tf.mean(tf.slice(images, [0, 0, 0, 0], [2, 2, 2, 3]), [1, 2]);
    expectClose(plain['online/paste/view1']!, unit(corner));
    const whole = regions(pooledHost(images, [1, 0]), { pool: 'whole' });
    expect(Object.keys(whole.features)).toEqual(['online/canvas/view1']);
    expect(whole.terms[1]!.comparisons.map((c) => [c.share, c.negatives.length])).toEqual([[1, 1]]); // biome-ignore format: short
  });

  it('matches regions to regions with `both`', () => {
    const images = seededTensor<tf.Rank.R4>([2, 4, 4, 3], 9);
    const { features, terms } = regions(pooledHost(images, [1, 0]), { swapView: 'both' });
    expectClose(features['target/paste/view1']!, features['online/paste/view1']!);
    expectClose(terms[1]!.comparisons[1]!.positives.rows, features['target/paste/view1']!);
  });

  it('runs backbone and heads over all rows together, if asked', () => {
    const images = seededTensor<tf.Rank.R4>([2, 4, 4, 3], 10);
    const sizes: number[] = [];
    const io = pooledHost(images, [1, 0]);
    const spied = {
      ...io,
      online: {
        ...io.online,
        encode: (x: tf.Tensor4D) => {
          sizes.push(x.shape[0]);
          return io.online.encode(x);
        },
        project: (rows: tf.Tensor2D) => {
          sizes.push(rows.shape[0]);
          return io.online.project(rows);
        },
      },
    };
    const joint = regions(spied, { composedPass: 'joint', regionNorm: 'joint' });
    expect(sizes).toEqual([4, 6]);
    // Without batch norm in either, statistics do not matter.
    expectClose(joint.total, regions(pooledHost(images, [1, 0])).total);
  });

  it('reads a host that asks with stored rows the other way round', () => {
    const images = seededTensor<tf.Rank.R4>([2, 4, 4, 3], 11);
    const io = pooledHost(images, [1, 0]);
    const stored = seededRows(2, 3, 12);
    const asks = (from: string, to: string): Comparison => ({
      ...io.hostTerms[0]!.comparisons[0]!,
      ...{ from, to, anchors: stored, positives: paired(io.online.view(to).embedding) },
    });
    const hostTerms = [{ ...io.hostTerms[0]!, comparisons: [asks('view1', 'view2'), asks('view2', 'view1')] }];
    const { terms } = regions({ ...io, hostTerms });
    const [canvas] = terms[1]!.comparisons;
    expect([canvas!.from, canvas!.to, canvas!.share]).toEqual(['view1', 'view2', 0.5]);
    expectClose(canvas!.positives.rows, stored);
    expect(values(canvas!.negatives[1]!.mask!)).toEqual([0, 1, 1, 0]);
  });

  it('is off between its steps and with weight 0', () => {
    const phase = (options: RegionclOptions, step: number) =>
      regioncl(options).phase!({ step, epoch: 1, epochs: 1, stepsPerEpoch: 9 }, {} as never);
    expect([0, 1, 2, 3].map((step) => phase({ regionEvery: 3 }, step))).toEqual(['on', 'off', 'off', 'on']);
    expect(phase({ regionWeight: 0 }, 0)).toBe('off');
    const { io } = example();
    const off = regions({ ...io, phase: 'off' });
    expect(off.terms).toBe(io.hostTerms);
    expect(off.features).toEqual({});
  });

  it('keeps region rows in a queue of its own, if asked, and meets them as negatives', () => {
    const { io } = example();
    const host = {
      ...{ batch: 2, side: 2, dim: 2, channels: 2, grid: 2, stride: 1, momentumTarget: true },
      ...{ anchorViews: ['view1'], negativeRows: { global: 3 } },
    };
    const plugin = regioncl({ regionQueue: 8 });
    const state = plugin.init!(host, { normal: () => 1, fork: () => undefined } as never);
    const withState = { ...io, state };
    const { terms, features } = regions(withState, { regionQueue: 8 });
    expect(terms[1]!.comparisons[0]!.negatives.map((b) => b.rows.shape[0])).toEqual([2, 3, 8]);
    plugin.commit!({ ...withState, features });
    expectClose(
      tf.slice(state.rows as unknown as tf.Tensor2D, 0, 4),
      tf.concat([features['online/canvas/view1']!, features['online/paste/view1']!]),
    );
  });

  it('reports how far the region loss lies above the host’s, and the spread of region rows', () => {
    const { io } = example();
    const { plugin, scored, features } = regions(io);
    const metrics = plugin.observe!(scored, { ...io, features });
    expectClose(metrics.gap!, 0.094173 - 0.010425);
    expect(Object.keys(metrics)).toEqual(['gap', 'std/canvas/view1', 'std/paste/view1']);
    expect(plugin.observe!(scored.slice(0, 1), { ...io, features: {} as Tensors })).toEqual({});
  });

  it('says what a host lacks', () => {
    const { io, host } = example();
    const refuses = (run: () => unknown, message: string) => {
      expect(run).toThrow(message);
      expect(run).toThrow(expect.objectContaining({ code: 'INCOMPATIBLE', hint: expect.any(String) }));
    };
    refuses(() => regions(io, { term: 'dense' }), 'no loss term called dense; there are: global');
    const other = { ...io, draws: cornerDraws([1, 0], ['view2']) as typeof io.draws };
    refuses(() => regions(other), 'no comparison of the host starts from view2');
    const foreign: Comparison = {
      ...host,
      anchors: atAngles(1, 2),
      positives: { kind: 'shared', rows: atAngles(1, 2) },
    };
    const hostTerms = [{ name: 'global', weight: 1, comparisons: [foreign] }];
    refuses(() => regions({ ...io, hostTerms }), "the anchors of view1 → view2 are not the online network's");
  });
});
