import { readFileSync } from 'node:fs';
import { Rng } from '@contrastive/core';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { applyPil } from '../../parity/pil-kernel.js';
import { generate } from '../../scripts/build-wasm.js';
import { centerCropOp, drawView } from '../draw.js';
import * as recipes from '../recipes.js';
import { createJsKernel } from './js-kernel.js';
import type { Normalization, PixelOp, ViewKernel } from './pixel-op.js';
import { createWasmKernel } from './wasm-kernel.js';

const IDENTITY: Normalization = { mean: [0, 0, 0], std: [1, 1, 1] };

let wasm: ViewKernel;
const js = createJsKernel();
beforeAll(async () => {
  wasm = await createWasmKernel();
});

function randomImage(seed: number, width: number, height: number): Uint8Array {
  const rng = Rng.create(seed);
  return Uint8Array.from({ length: width * height * 3 }, () => rng.integer(256));
}

function run(
  kernel: ViewKernel,
  rgb: Uint8Array,
  width: number,
  height: number,
  ops: readonly PixelOp[],
  norm = IDENTITY,
) {
  const out = new Float32Array(64 * 64 * 3);
  kernel.setSource(rgb, width, height);
  const size = kernel.render(ops, norm, out);
  return out.slice(0, size.width * size.height * 3);
}

const worst = (a: ArrayLike<number>, b: ArrayLike<number>): number => {
  let max = a.length === b.length ? 0 : Number.POSITIVE_INFINITY;
  for (let i = 0; i < a.length; i++) max = Math.max(max, Math.abs(a[i]! - b[i]!));
  return max;
};

const resizeOp = (
  width: number,
  height: number,
  side: number,
  filter: 'bilinear' | 'bicubic',
  flip = false,
): PixelOp => {
  const to = { width: side, height: side };
  return {
    op: 'resize',
    box: { left: 0, top: 0, width, height },
    to,
    window: { left: 0, top: 0, ...to },
    filter,
    flip,
  };
};

describe.each(['wasm', 'js'] as const)('the %s kernel', (name) => {
  const one = (rgb: number[], ops: readonly PixelOp[], width = rgb.length / 3) => [
    ...run(name === 'wasm' ? wasm : js, Uint8Array.from(rgb), width, rgb.length / 3 / width, ops),
  ];
  const near = (got: number[], expected: number[]) => expect(worst(got, expected)).toBeLessThan(2e-6);

  it('turns bytes into values in [0, 1]', () => {
    near(one([0, 51, 255], []), [0, 0.2, 1]);
  });

  it('multiplies by the brightness and clamps', () => {
    near(one([51, 102, 204], [{ op: 'brightness', factor: 1.5 }]), [0.3, 0.6, 1]);
  });

  it('blends with the mean luminance for the contrast', () => {
    // Luminances of black and white: 0 and .9999; half of the mean is .249975.
    near(one([0, 0, 0, 255, 255, 255], [{ op: 'contrast', factor: 0.5 }]), [
      ...[0.249975, 0.249975, 0.249975],
      ...[0.749975, 0.749975, 0.749975],
    ]);
  });

  it("blends with the pixel's luminance for the saturation", () => {
    near(one([255, 0, 0], [{ op: 'saturation', factor: 0.5 }]), [0.64945, 0.14945, 0.14945]);
    near(one([255, 0, 0], [{ op: 'grayscale' }]), [0.2989, 0.2989, 0.2989]);
  });

  it('turns the hue: a third of a turn makes red green, minus a third blue', () => {
    near(one([255, 0, 0], [{ op: 'hue', shift: 1 / 3 }]), [0, 1, 0]);
    near(one([255, 0, 0], [{ op: 'hue', shift: -1 / 3 }]), [0, 0, 1]);
    near(one([100, 100, 100], [{ op: 'hue', shift: 0.2 }]), [100 / 255, 100 / 255, 100 / 255]);
  });

  it('inverts from the threshold on', () => {
    near(one([127, 128, 255], [{ op: 'solarize', threshold: 128 / 255 }]), [127 / 255, 127 / 255, 0]);
  });

  it('averages neighbours when it halves the size, with the triangle filter', () => {
    // Weights of output 0 over inputs 0, 1, 2 are (.75, .75, .25) / 1.75.
    const row = [0, 0, 0, 255, 255, 255, 0, 0, 0, 0, 0, 0];
    const to = { width: 2, height: 1 };
    const op: PixelOp = {
      op: 'resize',
      box: { left: 0, top: 0, width: 4, height: 1 },
      to,
      window: { left: 0, top: 0, ...to },
      filter: 'bilinear',
      flip: false,
    };
    const [a, b] = [0.75 / 1.75, 0.25 / 1.75];
    near(one(row, [op]), [a, a, a, b, b, b]);
    near(one(row, [{ ...op, flip: true }]), [b, b, b, a, a, a]);
  });

  it('does not see pixels outside the box', () => {
    const op = resizeOp(2, 2, 5, 'bicubic') as PixelOp & { op: 'resize' };
    const inner = [10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 110, 120];
    const framed = [200, 0, 7, 9, ...Array(8).fill(255)];
    const outer = [...framed, ...inner.slice(0, 6), 1, 2, 3, 4, 5, 6, ...inner.slice(6), ...framed.slice(0, 6)];
    const got = one(outer, [{ ...op, box: { left: 0, top: 1, width: 2, height: 2 } }], 4);
    near(got, one(inner, [op], 2));
  });

  it('blurs by a normalised Gaussian with reflected borders', () => {
    const [w0, w1] = [1 / (1 + 2 * Math.exp(-0.5)), Math.exp(-0.5) / (1 + 2 * Math.exp(-0.5))];
    const column = (v: number) => [v, v, v, v, v, v];
    const got = one([...column(255), ...column(0), ...column(0)], [{ op: 'blur', sigma: 1, radius: 1 }], 2);
    // The row below the first also stands above it, so it is black twice; across, both columns are alike.
    near(got, [...column(w0), ...column(w1), ...column(0)]);
  });

  it('normalises per channel', () => {
    const norm: Normalization = { mean: [0.5, 0.25, 0], std: [0.5, 0.25, 2] };
    near([...run(name === 'wasm' ? wasm : js, Uint8Array.of(255, 0, 255), 1, 1, [], norm)], [1, -1, 0.5]);
  });

  it('refuses what would reach outside', () => {
    const kernel = name === 'wasm' ? wasm : js;
    const rgb = randomImage(1, 4, 4);
    expect(() => kernel.setSource(rgb, 4, 5)).toThrow(expect.objectContaining({ code: 'DATA' }));
    expect(() => run(kernel, rgb, 4, 4, [resizeOp(5, 4, 2, 'bilinear')])).toThrow(/box 5×4 at \(0, 0\)/);
    expect(() => run(kernel, rgb, 4, 4, [centerCropOp(4, 4, 3, 8, 'bilinear')])).toThrow(/window 8×8/);
    expect(() => run(kernel, rgb, 4, 4, [{ op: 'blur', sigma: 1, radius: 4 }])).toThrow(/radius 4 on 4×4/);
    expect(() => kernel.render([], IDENTITY, new Float32Array(47))).toThrow(/does not fit/);
  });
});

describe('the two kernels', () => {
  // Solarize is a jump: values within rounding of the threshold may fall on either side, so it is left out here.
  const all = [
    recipes.simclr(),
    recipes.mocoV1(),
    recipes.soloSymmetric(),
    recipes.wmseSmall(),
    recipes.wmseImagenet(),
  ];
  const recipe = fc.constantFrom(...all);
  const side = fc.integer({ min: 1, max: 45 });

  it('agree to 1e-5 for any recipe, image size and side', () => {
    fc.assert(
      fc.property(recipe, side, side, side, fc.nat(), (r, width, height, out, seed) => {
        const rng = Rng.create(seed);
        const ops = drawView(r, width, height, out, () => rng.uniform());
        const rgb = randomImage(seed, width, height);
        expect(worst(run(wasm, rgb, width, height, ops), run(js, rgb, width, height, ops))).toBeLessThan(1e-5);
      }),
      { numRuns: 150 },
    );
  });

  it('commute with a flip: flipping the source or the view is the same', () => {
    const rgb = randomImage(3, 20, 20);
    const mirrored = rgb.map((_, i) => rgb[Math.floor(i / 60) * 60 + (19 - Math.floor((i % 60) / 3)) * 3 + (i % 3)]!);
    const chain: PixelOp[] = [
      { op: 'contrast', factor: 1.3 },
      { op: 'blur', sigma: 0.8, radius: 4 },
    ];
    for (const kernel of [wasm, js]) {
      const a = run(kernel, rgb, 20, 20, [resizeOp(20, 20, 9, 'bilinear', true), ...chain]);
      const b = run(kernel, mirrored, 20, 20, [resizeOp(20, 20, 9, 'bilinear'), ...chain]);
      expect(worst(a, b)).toBeLessThan(1e-6);
    }
  });

  it('stay near the 8-bit path of PIL: a mean of at most half a level of 255 for a crop, two for a whole chain', () => {
    const mean = (ops: (rng: Rng) => PixelOp[]) => {
      let sum = 0;
      for (let seed = 0; seed < 20; seed++) {
        const rgb = randomImage(seed, 32, 32).map((v, i) => 100 + v / 8 + (i % 96)); // smooth, as photographs are
        const drawn = ops(Rng.create(seed));
        const pil = applyPil({ data: rgb, width: 32, height: 32 }, drawn);
        const got = run(wasm, rgb, 32, 32, drawn);
        sum += got.reduce((s, v, i) => s + Math.abs(v * 255 - pil.data[i]!), 0) / got.length;
      }
      return sum / 20;
    };
    const { steps, ...rest } = recipes.lightlyCifar();
    const cropOnly = { ...rest, steps: steps.slice(0, 2) };
    expect(mean((rng) => drawView(cropOnly, 32, 32, 32, () => rng.uniform()))).toBeLessThan(0.5);
    expect(mean((rng) => drawView({ ...rest, steps }, 32, 32, 32, () => rng.uniform()))).toBeLessThan(2);
  });

  it('give the same view whatever was rendered before', () => {
    const small = randomImage(5, 16, 16);
    const ops = [resizeOp(16, 16, 12, 'bicubic')];
    const before = run(wasm, small, 16, 16, ops);
    run(wasm, randomImage(6, 60, 60), 60, 60, [{ op: 'blur', sigma: 2, radius: 8 }, resizeOp(60, 60, 40, 'bilinear')]);
    expect(run(wasm, small, 16, 16, ops)).toEqual(before);
  });
});

describe('kernel.generated.ts', () => {
  it('is what assembly/kernel.ts compiles to', async () => {
    const text = readFileSync(new URL('./kernel.generated.ts', import.meta.url), 'utf8');
    expect(text).toBe(await generate());
  });
});
