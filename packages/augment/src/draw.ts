import { type RecipeStep, SslError, type ViewRecipe } from '@contrastive/core';
import type { Box, PixelOp } from './kernel/pixel-op.js';

/** Gives the next uniform number in [0, 1). */
export type Uniform = () => number;

/** Rounds half to even, as Python's `round`, which torchvision uses. */
function roundEven(x: number): number {
  const floor = Math.floor(x);
  const rest = x - floor;
  if (rest !== 0.5) return Math.round(x);
  return floor % 2 === 0 ? floor : floor + 1;
}

/** The options of `cropBox`. */
export interface CropOptions {
  /** Size of the image, pixels. */
  readonly width: number;
  readonly height: number;
  /** Range of the box's share of the image's area. */
  readonly area: readonly [number, number];
  /** Range of width / height; default 3/4 to 4/3. */
  readonly ratio?: readonly [number, number];
}

const RATIO = [3 / 4, 4 / 3] as const;

/**
 * The box of torchvision's RandomResizedCrop. Up to ten tries: area = A·U(area), r = exp U(ln ratio), w = round √(area·r),
 * h = round √(area/r), taken if it fits, at a uniform place (top first). Otherwise the largest centred box of an allowed ratio.
 *
 * @param place gives the two numbers of the place; default the same stream.
 */
export function cropBox(
  { width, height, area, ratio = RATIO }: CropOptions,
  uniform: Uniform,
  place: Uniform = uniform,
): Box {
  const [logLow, logHigh] = [Math.log(ratio[0]), Math.log(ratio[1])];
  for (let attempt = 0; attempt < 10; attempt++) {
    const target = width * height * (area[0] + (area[1] - area[0]) * uniform());
    const aspect = Math.exp(logLow + (logHigh - logLow) * uniform());
    const w = roundEven(Math.sqrt(target * aspect));
    const h = roundEven(Math.sqrt(target / aspect));
    if (w > 0 && w <= width && h > 0 && h <= height) {
      const top = Math.floor(place() * (height - h + 1));
      const left = Math.floor(place() * (width - w + 1));
      return { left, top, width: w, height: h };
    }
  }
  let [w, h] = [width, height];
  if (width / height < ratio[0]) h = roundEven(width / ratio[0]);
  else if (width / height > ratio[1]) w = roundEven(height * ratio[1]);
  return { left: Math.floor((width - w) / 2), top: Math.floor((height - h) / 2), width: w, height: h };
}

/** Shorter side to `resize` pixels (the other one truncated), then the centred square of `side` pixels, as torchvision does. */
export function centerCropOp(
  width: number,
  height: number,
  resize: number,
  side: number,
  filter: 'bilinear' | 'bicubic',
): PixelOp & { op: 'resize' } {
  const scaled = (n: number, shorter: number) => (n === shorter ? resize : Math.trunc((resize * n) / shorter));
  const shorter = Math.min(width, height);
  const to = { width: scaled(width, shorter), height: scaled(height, shorter) };
  const centre = (n: number) => roundEven((n - side) / 2);
  return {
    op: 'resize',
    box: { left: 0, top: 0, width, height },
    to,
    window: { left: centre(to.width), top: centre(to.height), width: side, height: side },
    filter,
    flip: false,
  };
}

/** @throws SslError `BAD_OPTION` unless the recipe has exactly one crop, whose square holds `side` pixels, and sound probabilities. */
export function checkRecipe(recipe: ViewRecipe, side: number): void {
  const problems: string[] = [];
  const crops = recipe.steps.filter((s) => s.op === 'crop' || s.op === 'centerCrop');
  if (crops.length !== 1) problems.push(`it has ${crops.length} crops, but it must have exactly one`);
  for (const step of recipe.steps) {
    if ('p' in step && !(step.p >= 0 && step.p <= 1)) problems.push(`${step.op}: p is ${step.p}, not in [0, 1]`);
    if (step.op === 'centerCrop' && step.side < side)
      problems.push(`centerCrop resizes to ${step.side} pixels, less than the view's side of ${side}`);
    if (step.op === 'crop' && !(step.area[0] > 0 && step.area[0] <= step.area[1] && step.area[1] <= 1))
      problems.push(`crop: area is [${step.area}], but it must be a range in (0, 1]`);
    if (step.op === 'blur' && !(step.sigma[0] > 0 && step.sigma[0] <= step.sigma[1]))
      problems.push(`blur: sigma is [${step.sigma}], but it must be a range of numbers > 0`);
    if (step.op === 'jitter' && !(step.hue >= 0 && step.hue <= 0.5))
      problems.push(`jitter: hue is ${step.hue}, but it must be in [0, 0.5] turns`);
  }
  if (recipe.std.some((s) => !(s > 0))) problems.push(`std is [${recipe.std}], but it must be > 0`);
  if (problems.length > 0) throw new SslError('BAD_OPTION', `recipe ${recipe.name}: ${problems.join('; ')}.`);
}

/**
 * Makes every random choice of a view of `side`² pixels of a `width` × `height` image. A flip is carried out by the crop: it
 * commutes with every other step.
 */
export function drawView(recipe: ViewRecipe, width: number, height: number, side: number, uniform: Uniform): PixelOp[] {
  return drawSteps(recipe, width, height, side, uniform).flat();
}

/** As `drawView`, step by step of the recipe: none of a step that its probability left out, or of a flip. */
export function drawSteps(
  recipe: ViewRecipe,
  width: number,
  height: number,
  side: number,
  uniform: Uniform,
): readonly PixelOp[][] {
  const size = { width, height };
  let flip = false;
  const drawn = recipe.steps.map((step): PixelOp[] => {
    if ('p' in step && !(uniform() < step.p)) return [];
    if (step.op === 'flip') {
      flip = !flip;
      return [];
    }
    const ops = drawStep(step, size, side, uniform);
    if (step.op === 'crop' || step.op === 'centerCrop') Object.assign(size, { width: side, height: side });
    return ops;
  });
  return flip ? drawn.map((ops) => ops.map((op) => (op.op === 'resize' ? { ...op, flip } : op))) : drawn;
}

function drawStep(
  step: Exclude<RecipeStep, { op: 'flip' }>,
  size: { readonly width: number; readonly height: number },
  side: number,
  uniform: Uniform,
): PixelOp[] {
  switch (step.op) {
    case 'crop': {
      const to = { width: side, height: side };
      const box = cropBox({ ...size, ...step }, uniform);
      return [{ op: 'resize', box, to, window: { left: 0, top: 0, ...to }, filter: step.filter, flip: false }];
    }
    case 'centerCrop':
      return [centerCropOp(size.width, size.height, step.side, side, step.filter)];
    case 'jitter':
      return drawJitter(step, uniform);
    case 'grayscale':
      return [{ op: 'grayscale' }];
    case 'solarize':
      return [{ op: 'solarize', threshold: step.threshold }];
    case 'blur': {
      const sigma = step.sigma[0] + (step.sigma[1] - step.sigma[0]) * uniform();
      const radius = blurRadius(sigma, Math.min(size.width, size.height));
      return radius < 1 ? [] : [{ op: 'blur', sigma, radius }];
    }
  }
}

/** Four sigmas, at most 11 pixels (MoCo's and SimCLR's 23 taps at 224 pixels), and less than the side, so that borders can be reflected. */
export function blurRadius(sigma: number, side: number): number {
  return Math.min(Math.ceil(4 * sigma), 11, side - 1);
}

/** ColorJitter: factors U[max(0, 1 − x), 1 + x] and a hue shift U[−h, h], in random order; parts of strength 0 are left out. */
function drawJitter(step: RecipeStep & { op: 'jitter' }, uniform: Uniform): PixelOp[] {
  const factor = (x: number) => {
    const low = Math.max(0, 1 - x);
    return low + (1 + x - low) * uniform();
  };
  const parts: PixelOp[] = [];
  if (step.brightness > 0) parts.push({ op: 'brightness', factor: factor(step.brightness) });
  if (step.contrast > 0) parts.push({ op: 'contrast', factor: factor(step.contrast) });
  if (step.saturation > 0) parts.push({ op: 'saturation', factor: factor(step.saturation) });
  if (step.hue > 0) parts.push({ op: 'hue', shift: step.hue * (2 * uniform() - 1) });
  for (let i = parts.length - 1; i > 0; i--) {
    const j = Math.floor(uniform() * (i + 1));
    [parts[i], parts[j]] = [parts[j]!, parts[i]!];
  }
  return parts;
}
