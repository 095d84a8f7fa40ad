import { Rng, type ViewRecipe } from '@contrastive/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { blurRadius, centerCropOp, checkRecipe, cropBox, drawView } from './draw.js';
import type { PixelOp } from './kernel/pixel-op.js';
import * as recipes from './recipes.js';

const uniformOf = (seed: number) => {
  const rng = Rng.create(seed);
  return () => rng.uniform();
};

const recipeOf = (...steps: ViewRecipe['steps']): ViewRecipe => ({
  name: 'test',
  steps,
  mean: [0, 0, 0],
  std: [1, 1, 1],
});

/** `n` draws of a recipe on a 32 × 32 image. */
const drawMany = (recipe: ViewRecipe, n: number): PixelOp[][] => {
  const uniform = uniformOf(1);
  return Array.from({ length: n }, () => drawView(recipe, 32, 32, 32, uniform));
};

const CROP = { op: 'crop', area: [0.08, 1], filter: 'bilinear' } as const;

describe('cropBox', () => {
  it('follows the sampling rule of torchvision on given draws', () => {
    // area = 1024 · (.08 + .92 · .417022), ratio = exp(ln ¾ + .720324 · ln 16/9): 23 × 20 pixels, placed at ⌊.800745 · 13⌋, ⌊.968262 · 10⌋.
    const draws = [0.417022, 0.720324, 0.800745, 0.968262].values();
    const box = cropBox({ width: 32, height: 32, area: [0.08, 1] }, () => draws.next().value!);
    expect(box).toEqual({ left: 9, top: 10, width: 23, height: 20 });
  });

  it('falls back to the largest centred box after ten tries that do not fit', () => {
    // The numbers of torchvision for these images: 20 × 27 of 20 × 48, 13 × 10 of 64 × 10.
    let calls = 0;
    const uniform = () => {
      calls++;
      return 0.9;
    };
    expect(cropBox({ width: 20, height: 48, area: [0.9, 1] }, uniform)).toEqual({
      left: 0,
      top: 10,
      width: 20,
      height: 27,
    });
    expect(calls).toBe(20);
    expect(cropBox({ width: 64, height: 10, area: [0.9, 1] }, uniform)).toEqual({
      left: 25,
      top: 0,
      width: 13,
      height: 10,
    });
  });

  it('always gives a box inside the image', () => {
    const side = fc.integer({ min: 1, max: 300 });
    fc.assert(
      fc.property(side, side, fc.double({ min: 0.01, max: 1, noNaN: true }), fc.nat(), (width, height, low, seed) => {
        const box = cropBox({ width, height, area: [low, 1] }, uniformOf(seed));
        expect(Math.min(box.left, box.top)).toBeGreaterThanOrEqual(0);
        expect(Math.min(box.width, box.height)).toBeGreaterThanOrEqual(1);
        expect(box.left + box.width).toBeLessThanOrEqual(width);
        expect(box.top + box.height).toBeLessThanOrEqual(height);
      }),
    );
  });
});

describe('centerCropOp', () => {
  it('truncates the longer side and rounds the place half to even, as torchvision does', () => {
    expect(centerCropOp(14, 20, 10, 8, 'bilinear')).toMatchObject({
      to: { width: 10, height: 14 },
      window: { left: 1, top: 3, width: 8, height: 8 },
    });
    // (35 − 32) / 2 = 1.5 → 2 and (37 − 32) / 2 = 2.5 → 2.
    expect(centerCropOp(35, 35, 35, 32, 'bilinear')).toMatchObject({ window: { left: 2, top: 2 } });
    expect(centerCropOp(37, 37, 37, 32, 'bilinear')).toMatchObject({ window: { left: 2, top: 2 } });
  });
});

describe('drawView', () => {
  it('carries out each step with its probability', () => {
    const views = drawMany(recipes.byol().view2, 4000);
    const share = (has: (op: PixelOp) => boolean) => views.filter((ops) => ops.some(has)).length / views.length;
    expect(share((op) => op.op === 'grayscale')).toBeCloseTo(0.2, 1);
    expect(share((op) => op.op === 'blur')).toBeCloseTo(0.1, 1);
    expect(share((op) => op.op === 'solarize')).toBeCloseTo(0.2, 1);
    expect(share((op) => op.op === 'hue')).toBeCloseTo(0.8, 1);
    expect(share((op) => op.op === 'resize' && op.flip)).toBeCloseTo(0.5, 1);
    expect(share((op) => op.op === 'resize')).toBe(1);
  });

  it('draws jitter factors from [max(0, 1 − x), 1 + x] and hue shifts from [−h, h]', () => {
    const jitter = { op: 'jitter', brightness: 0.4, contrast: 1.5, saturation: 0.2, hue: 0.1, p: 1 } as const;
    const ops = drawMany(recipeOf(jitter, CROP), 3000).flat();
    const range = (name: PixelOp['op']) => {
      const values = ops.flatMap((op) =>
        op.op !== name ? [] : 'factor' in op ? [op.factor] : 'shift' in op ? [op.shift] : [],
      );
      return [Math.min(...values), Math.max(...values)].map((v) => Math.round(v * 20) / 20);
    };
    expect(range('brightness')).toEqual([0.6, 1.4]);
    expect(range('contrast')).toEqual([0, 2.5]);
    expect(range('saturation')).toEqual([0.8, 1.2]);
    expect(range('hue')).toEqual([-0.1, 0.1]);
  });

  it('puts the parts of the jitter in all 24 orders, equally often', () => {
    const jitter = { op: 'jitter', brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.1, p: 1 } as const;
    const counts = new Map<string, number>();
    for (const ops of drawMany(recipeOf(jitter, CROP), 4800)) {
      const order = ops.map((op) => op.op[0]).join('');
      counts.set(order, (counts.get(order) ?? 0) + 1);
    }
    expect(counts.size).toBe(24);
    // 200 expected each; a standard deviation is 14.
    for (const count of counts.values()) expect(Math.abs(count - 200)).toBeLessThan(5 * 14);
  });

  it('leaves out jitter parts of strength 0', () => {
    const jitter = { op: 'jitter', brightness: 0, contrast: 0, saturation: 0, hue: 0.1, p: 1 } as const;
    for (const ops of drawMany(recipeOf(CROP, jitter), 5)) expect(ops.map((op) => op.op)).toEqual(['resize', 'hue']);
  });

  it('draws the blur from its range, cut at four sigmas', () => {
    const blurs = drawMany(recipeOf(CROP, { op: 'blur', sigma: [0.1, 2], p: 1 }), 500).flatMap((ops) =>
      ops.flatMap((op) => (op.op === 'blur' ? [op] : [])),
    );
    const sigmas = blurs.map((op) => op.sigma);
    expect(Math.min(...sigmas)).toBeGreaterThanOrEqual(0.1);
    expect(Math.max(...sigmas)).toBeLessThan(2);
    for (const { sigma, radius } of blurs) expect(radius).toBe(Math.ceil(4 * sigma));
    expect([blurRadius(2, 224), blurRadius(9, 224), blurRadius(2, 4), blurRadius(2, 1)]).toEqual([8, 11, 3, 0]);
  });

  it('keeps the order of the steps: W-MSE crops after the colours', () => {
    const orders = new Set(drawMany(recipes.wmseImagenet(), 300).map((ops) => ops.map((op) => op.op).join(' ')));
    for (const order of orders)
      expect(order).toMatch(/^((brightness|contrast|saturation|hue) ){0,4}(grayscale )?resize( blur)?$/);
  });
});

describe('checkRecipe', () => {
  it('reports all problems together', () => {
    const bad: ViewRecipe = {
      name: 'bad',
      steps: [
        { op: 'flip', p: 1.5 },
        { op: 'blur', sigma: [0, 1], p: 0 },
        { op: 'jitter', brightness: 0, contrast: 0, saturation: 0, hue: 0.6, p: 0 },
      ],
      mean: [0, 0, 0],
      std: [1, 0, 1],
    };
    expect(() => checkRecipe(bad, 32)).toThrow(
      /recipe bad: .*0 crops.*flip: p is 1.5.*sigma is \[0,1\].*hue is 0.6.*std/,
    );
  });

  it('wants one crop that holds the view', () => {
    expect(() => checkRecipe(recipeOf(CROP, CROP), 32)).toThrow('2 crops');
    expect(() => checkRecipe(recipeOf({ ...CROP, area: [0.5, 2] }), 32)).toThrow('area is [0.5,2]');
    expect(() => checkRecipe(recipes.evaluation({ resize: 30 }), 32)).toThrow('less than the view');
    expect(() => checkRecipe(recipes.evaluation({ resize: 32 }), 32)).not.toThrow();
  });
});
