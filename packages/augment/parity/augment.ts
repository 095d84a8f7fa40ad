import {
  centerCropOp,
  createJsKernel,
  createWasmKernel,
  cropBox,
  type Normalization,
  type PixelOp,
} from '../src/index.js';

/** The part of a reference case that the adapters read: see the fixtures' README. */
interface AugmentFixture {
  readonly inputs: {
    readonly image?: {
      readonly kind: 'hash' | 'ramp';
      readonly width: number;
      readonly height: number;
      readonly k: number;
    };
    readonly cases?: readonly CropCase[];
  };
  readonly params: Readonly<Record<string, unknown>>;
  readonly expected: Readonly<Record<string, unknown>>;
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
const kernels = { wasm: await createWasmKernel(), js: createJsKernel() };

/** The test image of the fixtures, from the formula that they state. */
function testImage({ kind, width, height, k }: NonNullable<AugmentFixture['inputs']['image']>): Uint8Array {
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

/** Runs a pixel case; `pil` is the float result in levels of 255, to be compared with the 8-bit path at its wider tolerance. */
function pixels(fixture: AugmentFixture, kernel: keyof typeof kernels): Record<string, unknown> {
  const { image } = fixture.inputs;
  if (image === undefined) throw new Error('The fixture has no image.');
  const { op, mean, std } = fixture.params as unknown as Normalization & { op: string };
  const ops = opsOf(fixture.params, image.width, image.height);
  const out = new Float32Array(64 * 64 * 3);
  kernels[kernel].setSource(testImage(image), image.width, image.height);
  const size = kernels[kernel].render(ops, op === 'normalize' ? { mean, std } : IDENTITY, out);
  const rows = Array.from({ length: size.height }, (_, y) =>
    Array.from({ length: size.width }, (_, x) =>
      Array.from(out.subarray((y * size.width + x) * 3, (y * size.width + x) * 3 + 3)),
    ),
  );
  const levels = rows.map((row) => row.map((pixel) => pixel.map((v) => Math.round(v * 255))));
  return 'pil' in fixture.expected ? { tensor: rows, pil: levels } : { tensor: rows };
}

/** The boxes that the sampling rule gives for the injected draws. */
function boxes(fixture: AugmentFixture): Record<string, unknown> {
  const cases = fixture.inputs.cases ?? [];
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

/** Adapters by kernel: the shipped SIMD kernel, and the JavaScript reference. */
export const kindsOf = (
  kernel: keyof typeof kernels,
): Record<string, (fixture: AugmentFixture) => Record<string, unknown>> => ({
  ...Object.fromEntries(
    pixelKinds.map((kind) => [`augment/${kind}`, (fixture: AugmentFixture) => pixels(fixture, kernel)]),
  ),
  'augment/rrc_params': boxes,
});

/** Reference cases by name prefix → what this package computes for them, under the names of `fixture.expected`. */
export const kinds = kindsOf('wasm');
