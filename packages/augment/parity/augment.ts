import { hostTensor, type RecipeStep, type ViewRecipe } from '@contrastive/core';
import type { Fixture, ParityContext, ParityKinds } from '@contrastive/testing';
import type * as tf from '@tensorflow/tfjs-core';
import { drawWidth, packer, renderViews } from '../src/device.js';
import { centerCropOp, createWasmKernel, cropBox, type Normalization, type PixelOp } from '../src/index.js';
import { applyPil } from './pil-kernel.js';

/** Inputs of a pixel case: a test image by its formula. */
interface PixelInputs {
  readonly image: {
    readonly kind: 'hash' | 'ramp';
    readonly width: number;
    readonly height: number;
    readonly k: number;
  };
}

interface CropCase {
  readonly width: number;
  readonly height: number;
  readonly scale: readonly [number, number];
  readonly ratio: readonly [number, number];
  readonly uniforms: readonly number[];
  readonly offsets: readonly [number, number];
}

const IDENTITY: Normalization = { mean: [0, 0, 0], std: [1, 1, 1] };
const kernel = await createWasmKernel();

/** The test image of the fixtures, from the formula that they state. */
function testImage({ kind, width, height, k }: PixelInputs['image']): Uint8Array {
  const rgb = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (let c = 0; c < 3; c++) {
        const hash = 31 * y + 17 * x + 71 * c + 53 * k + 13 * ((x * y + k) % 7);
        const ramp = (9 + k) * y + (5 + 2 * k) * x + 40 * c + 11 * k;
        rgb[(y * width + x) * 3 + c] = (kind === 'hash' ? hash : ramp) % 256;
      }
    }
  }
  return rgb;
}

/** The operations of a case, on an image of this size. */
function opsOf(p: Readonly<Record<string, unknown>>, width: number, height: number): PixelOp[] {
  const number = (key: string) => p[key] as number;
  const filter = p.interpolation as 'bilinear' | 'bicubic';
  switch (p.op) {
    case 'brightness':
    case 'contrast':
    case 'saturation':
      return [{ op: p.op, factor: number('factor') }];
    case 'hue':
      return [{ op: 'hue', shift: number('factor') }];
    case 'grayscale':
      return [{ op: 'grayscale' }];
    case 'solarize':
      return [{ op: 'solarize', threshold: number('threshold') / 255 }];
    case 'gaussianBlur':
      return [{ op: 'blur', sigma: number('sigma'), radius: (number('kernelSize') - 1) / 2 }];
    case 'colorJitter': {
      const factors = p.factors as Record<string, number>;
      return (p.order as string[]).flatMap((op) => opsOf({ op, factor: factors[op] }, width, height));
    }
    case 'resizeCenterCrop':
      return [centerCropOp(width, height, number('resize'), number('crop'), filter)];
    case 'hflip': {
      const all = { left: 0, top: 0, width, height };
      return [{ op: 'resize', box: all, to: all, window: all, filter: 'bilinear', flip: true }];
    }
    case 'resizedCrop': {
      const to = { width: number('size'), height: number('size') };
      const box = { left: number('left'), top: number('top'), width: number('width'), height: number('height') };
      return [{ op: 'resize', box, to, window: { left: 0, top: 0, ...to }, filter, flip: false }];
    }
    default:
      return [];
  }
}

/** Recipe steps that the operations of a case could have been drawn by, and which operations are whose. */
function stepsOf(ops: readonly PixelOp[]): readonly (readonly [RecipeStep, readonly PixelOp[]])[] {
  const colours = ops.filter(({ op }) => ['brightness', 'contrast', 'saturation', 'hue'].includes(op));
  if (colours.length > 0) {
    return [[{ op: 'jitter', brightness: 1, contrast: 1, saturation: 1, hue: 0.5, p: 1 }, colours]];
  }
  return ops.map((op) => {
    if (op.op === 'resize') return [{ op: 'crop', area: [1, 1], filter: op.filter }, [op]];
    if (op.op === 'blur') return [{ op: 'blur', sigma: [op.sigma, op.sigma], p: 1 }, [op]];
    return [{ ...op, p: 1 } as RecipeStep, [op]];
  });
}

/** The operations of a case as tensor operations, in the runtime that is checked. */
async function onDevice(
  rgb: Uint8Array,
  size: { readonly width: number; readonly height: number },
  ops: readonly PixelOp[],
  normalization: Normalization,
  { run }: ParityContext,
): Promise<Float32Array> {
  const steps = stepsOf(ops);
  const recipe: ViewRecipe = { name: 'parity', steps: steps.map(([step]) => step), ...normalization };
  const draws = new Float32Array(drawWidth(recipe));
  packer(recipe)(
    steps.map(([, own]) => own),
    size,
    draws,
    0,
  );
  const resize = ops.find((op) => op.op === 'resize');
  const inputs = {
    source: hostTensor<tf.Rank.R4>([1, size.height, size.width, 3], Float32Array.from(rgb)),
    draws: hostTensor<tf.Rank.R2>([1, draws.length], draws),
  };
  const { view } = await run(
    ({ source, draws: numbers }) => ({
      view: renderViews(source as tf.Tensor4D, numbers as tf.Tensor2D, recipe, resize?.window.width ?? size.width),
    }),
    inputs,
  );
  return view!.data as Float32Array;
}

/** Runs a pixel case: `tensor` by the SIMD kernel and by tensor operations, `pil` by the oracle of the 8-bit path. */
async function pixels(fixture: Fixture, context: ParityContext): Promise<Record<string, unknown>> {
  const { image } = fixture.inputs as PixelInputs;
  const { width, height } = image;
  const params = fixture.params as Record<string, unknown>;
  const ops = opsOf(params, width, height);
  const out = new Float32Array(64 * 64 * 3);
  kernel.setSource(testImage(image), width, height);
  const normalization = params.op === 'normalize' ? (params as unknown as Normalization) : IDENTITY;
  const size = kernel.render(ops, normalization, out);
  // Views made on the device are square.
  const isSquare = size.width === size.height;
  const device = isSquare ? await onDevice(testImage(image), image, ops, normalization, context) : out;
  // Of each value the one that is farther from the expected, so that both have to be near.
  const expected = (fixture.expected.tensor as number[][][]).flat(2);
  expected.forEach((v, i) => {
    if (!(Math.abs(device[i]! - v) <= Math.abs(out[i]! - v))) out[i] = device[i]!;
  });
  const pil = applyPil({ data: testImage(image), width, height }, ops);
  return { tensor: rowsOf(out, size.width, size.height), pil: rowsOf(pil.data, pil.width, pil.height) };
}

/** [height][width][3] */
function rowsOf(values: Float32Array | Uint8Array, width: number, height: number): number[][][] {
  const pixel = (i: number) => Array.from(values.subarray(3 * i, 3 * i + 3));
  return Array.from({ length: height }, (_, y) => Array.from({ length: width }, (_, x) => pixel(y * width + x)));
}

/** The boxes that the sampling rule gives for the injected draws. */
function boxes(fixture: Fixture): Record<string, unknown> {
  const { cases } = fixture.inputs as { readonly cases: readonly CropCase[] };
  return {
    boxes: cases.map(({ width, height, scale, ratio, uniforms, offsets }) => {
      const [draws, places] = [uniforms.values(), offsets.values()];
      const exact = [ratio[0], 1 / ratio[0]] as const; // the fixture prints 4/3 with nine digits
      return cropBox(
        { width, height, area: scale, ratio: exact },
        () => draws.next().value as number,
        () => places.next().value as number,
      );
    }),
  };
}

const pixelKinds = [
  'blur',
  'brightness',
  'contrast',
  'grayscale',
  'hflip',
  'hue',
  'jitter_order',
  'normalize',
  'resize_center_crop',
  'rrc_bicubic',
  'rrc_bilinear',
  'saturation',
  'solarize',
] as const;

/** Reference cases by name prefix → what this package computes for them, under the names of `fixture.expected`. */
export const kinds: ParityKinds = {
  ...Object.fromEntries(pixelKinds.map((kind) => [`augment/${kind}`, pixels])),
  'augment/rrc_params': boxes,
};
