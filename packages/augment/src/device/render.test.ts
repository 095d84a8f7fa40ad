import { eagerRuntime, hostTensor, Rng, type ViewRecipe } from '@contrastive/core';
import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { drawSteps } from '../draw.js';
import { createJsKernel } from '../kernel/js-kernel.js';
import * as recipes from '../recipes.js';
import { deviceViews } from './device-views.js';
import { renderViews } from './render.js';
import { drawWidth, packer } from './stages.js';

interface Size {
  readonly width: number;
  readonly height: number;
}

const randomImage = (rng: Rng, { width, height }: Size): Uint8Array =>
  Uint8Array.from({ length: width * height * 3 }, () => rng.integer(256));

/** A batch of images of any sizes, in a tensor that holds the largest; the room behind them is filled with 255. */
function stack(images: readonly Uint8Array[], sizes: readonly Size[]): tf.Tensor4D {
  const [width, height] = [Math.max(...sizes.map((s) => s.width)), Math.max(...sizes.map((s) => s.height))];
  const values = new Float32Array(images.length * height * width * 3).fill(255);
  images.forEach((image, n) => {
    const row = sizes[n]!.width * 3;
    for (let y = 0; y < sizes[n]!.height; y++)
      values.set(image.subarray(y * row, (y + 1) * row), (n * height + y) * width * 3);
  });
  return tf.tensor4d(values, [images.length, height, width, 3]);
}

/** Largest difference between the device's views and the CPU kernel's, in the kernel's units (normalised values). */
function worst(recipe: ViewRecipe, sizes: readonly Size[], side: number, seed: number): number {
  const rng = Rng.create(seed);
  const kernel = createJsKernel();
  const images = sizes.map((size) => randomImage(rng, size));
  const width = drawWidth(recipe);
  const [draws, wanted] = [new Float32Array(sizes.length * width), new Float32Array(sizes.length * side * side * 3)];
  const pack = packer(recipe);
  sizes.forEach((size, n) => {
    const steps = drawSteps(recipe, size.width, size.height, side, () => rng.uniform());
    pack(steps, size, draws, n * width);
    kernel.setSource(images[n]!, size.width, size.height);
    kernel.render(steps.flat(), recipe, wanted, n * side * side * 3);
  });
  return tf.tidy(() => {
    const views = renderViews(stack(images, sizes), tf.tensor2d(draws, [sizes.length, width]), recipe, side);
    return tf.max(tf.abs(tf.sub(views, tf.tensor4d(wanted, views.shape)))).dataSync()[0]!;
  });
}

// Solarize is a jump: values within rounding of the threshold may fall on either side, so it has a test of its own.
const all: readonly ViewRecipe[] = [
  recipes.mocoV1(),
  recipes.simclr(),
  recipes.lightlyCifar(),
  recipes.byol().view1,
  recipes.soloSymmetric(),
  recipes.wmseSmall(),
  recipes.wmseImagenet(),
  recipes.recoWeak(),
];

describe('views made by tensor operations', () => {
  it('equal those of the CPU kernel to 1e-4 for any recipe, image sizes and side', () => {
    const length = fc.integer({ min: 2, max: 24 });
    const size = fc.record({ width: length, height: length });
    fc.assert(
      fc.property(
        fc.constantFrom(...all),
        fc.array(size, { minLength: 1, maxLength: 4 }),
        fc.integer({ min: 2, max: 20 }),
        fc.nat(),
        (recipe, sizes, side, seed) => {
          expect(worst(recipe, sizes, side, seed)).toBeLessThan(1e-4);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('equal them on a photograph cut to 64 pixels', () => {
    const sizes = [
      { width: 150, height: 113 },
      { width: 90, height: 150 },
    ];
    for (const recipe of [recipes.simclr(), recipes.wmseImagenet()])
      expect(worst(recipe, sizes, 64, 5)).toBeLessThan(1e-4);
  });

  it('do the steps of evaluation: shorter side, centred square', () => {
    const recipe = recipes.evaluation({ resize: 20 });
    expect(
      worst(
        recipe,
        [
          { width: 33, height: 24 },
          { width: 25, height: 47 },
        ],
        16,
        2,
      ),
    ).toBeLessThan(1e-4);
  });

  it('invert from the threshold on, and only where it was drawn', () => {
    const solarize = (p: number): ViewRecipe => ({
      name: 'solarize',
      steps: [
        { op: 'crop', area: [1, 1], filter: 'bilinear' },
        { op: 'solarize', threshold: 128 / 255, p },
      ],
      mean: [0, 0, 0],
      std: [1, 1, 1],
    });
    const view = (recipe: ViewRecipe) => {
      const draws = new Float32Array(drawWidth(recipe));
      const whole = { left: 0, top: 0, width: 3, height: 3 };
      const crop = { op: 'resize', box: whole, to: whole, window: whole, filter: 'bilinear', flip: false } as const;
      const p = recipe.steps[1] as { p: number };
      packer(recipe)([[crop], p.p === 1 ? [{ op: 'solarize', threshold: 128 / 255 }] : []], whole, draws, 0);
      const source = tf.tensor4d([127, 128, 255, ...Array(24).fill(0)], [1, 3, 3, 3]);
      return [
        ...renderViews(source, tf.tensor2d(draws, [1, draws.length]), recipe, 3)
          .dataSync()
          .subarray(0, 3),
      ];
    };
    const round = (values: number[]) => values.map((v) => Math.round(v * 255));
    expect(round(view(solarize(1)))).toEqual([127, 127, 0]);
    expect(round(view(solarize(0)))).toEqual([127, 128, 255]);
  });

  it('are made of the names and shapes that a batch must hold', async () => {
    const plan = recipes.soloAsymmetricCifar();
    const maker = deviceViews(plan, { batch: 2, side: 8, width: 9, height: 7 });
    expect(maker.shapes).toEqual({ source: [2, 7, 9, 3], view1: [2, 32], view2: [2, 33] });
    expect(() => deviceViews({ source: plan.view1 }, { batch: 2, side: 8, width: 9, height: 7 })).toThrow(/no view/);
    const inputs = Object.fromEntries(
      Object.entries(maker.shapes).map(([name, shape]) => {
        const values = new Float32Array(shape.reduce((a, b) => a * b)).fill(1);
        return [name, hostTensor(shape as [number], values)];
      }),
    );
    const step = await eagerRuntime.createProgram({}).prepare('views', (given) => maker.render(given), inputs);
    const { view1, view2 } = await step.run(inputs);
    expect([view1!.shape, view2!.shape]).toEqual([
      [2, 8, 8, 3],
      [2, 8, 8, 3],
    ]);
  });
});
