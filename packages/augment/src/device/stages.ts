import type { RecipeStep, ResizeFilter, ViewRecipe } from '@contrastive/core';
import type { PixelOp } from '../kernel/pixel-op.js';
import { blurWeights } from '../kernel/resample.js';

/**
 * What the device does to every image of a batch, in order. Which steps a recipe has is fixed; what differs between images are numbers,
 * which lie in the columns from `at` on of the view's draws. A step that an image leaves out has the numbers that change nothing.
 */
export type Stage =
  /** Per axis (rows first): first pixel of the box, its size, and centre of output i in the box: a + b · i. */
  | { readonly kind: 'crop'; readonly at: number; readonly filter: ResizeFilter }
  /** Factor f and the shares m, l of mean and own luminance in: v · f + (1 − f) · (m · mean + l · luminance). Grayscale is f = 0, l = 1. */
  | { readonly kind: 'blend'; readonly at: number }
  /** Turns. */
  | { readonly kind: 'hue'; readonly at: number }
  /** 1 / (2 σ²), radius, centre weight. */
  | { readonly kind: 'blur'; readonly at: number }
  /** Threshold; 2 inverts nothing. */
  | { readonly kind: 'solarize'; readonly at: number };

const COLUMNS = { crop: 8, blend: 3, hue: 1, blur: 3, solarize: 1 } as const;
/** Before all stages: height and width of the image, pixels. */
export const SIZE_COLUMNS = 2;

type Bare<S = Stage> = S extends Stage ? Omit<S, 'at'> : never;

/** The stages of one step: a jitter's blends may come before or after its hue, so there is room for all of them on both sides. */
function stagesOfStep(step: RecipeStep): readonly Bare[] {
  switch (step.op) {
    case 'flip':
      return []; // the crop's
    case 'crop':
    case 'centerCrop':
      return [{ kind: 'crop', filter: step.filter }];
    case 'grayscale':
      return [{ kind: 'blend' }];
    case 'jitter': {
      const blends = Array<Bare>(blendsOf(step)).fill({ kind: 'blend' });
      return step.hue > 0 ? [...blends, { kind: 'hue' }, ...blends] : blends;
    }
    default:
      return [{ kind: step.op }];
  }
}

const blendsOf = ({ brightness, contrast, saturation }: RecipeStep & { op: 'jitter' }): number =>
  [brightness, contrast, saturation].filter((strength) => strength > 0).length;

/** The stages of a recipe, step by step, with their columns. */
export function stagesOf({ steps }: ViewRecipe): readonly (readonly Stage[])[] {
  let next = SIZE_COLUMNS;
  return steps.map((step) =>
    stagesOfStep(step).map((stage): Stage => {
      const at = next;
      next += COLUMNS[stage.kind];
      return { ...stage, at };
    }),
  );
}

/** Numbers that an image's view takes. */
export const drawWidth = (recipe: ViewRecipe): number =>
  stagesOf(recipe)
    .flat()
    .reduce((width, { kind }) => width + COLUMNS[kind], SIZE_COLUMNS);

const NOTHING: Readonly<Record<Exclude<Stage['kind'], 'crop'>, readonly number[]>> = {
  blend: [1, 0, 0],
  hue: [0],
  blur: [0, 0, 1],
  solarize: [2],
};

/** Writes a view's choices (`drawSteps`) as numbers, from `offset` on. */
export type PackDraws = (
  steps: readonly (readonly PixelOp[])[],
  size: { readonly width: number; readonly height: number },
  out: Float32Array,
  offset: number,
) => void;

/** What writes the draws of a recipe: `drawWidth(recipe)` numbers a view. */
export function packer(recipe: ViewRecipe): PackDraws {
  const stages = stagesOf(recipe);
  return (steps, size, out, offset) => {
    out[offset] = size.height;
    out[offset + 1] = size.width;
    stages.forEach((own, i) => {
      for (const stage of own) if (stage.kind !== 'crop') out.set(NOTHING[stage.kind], offset + stage.at);
      packStep(own, steps[i]!, out, offset);
    });
  };
}

function packStep(stages: readonly Stage[], ops: readonly PixelOp[], out: Float32Array, offset: number): void {
  let next = 0;
  for (const op of ops) {
    if (op.op === 'hue') next = stages.findIndex(({ kind }) => kind === 'hue');
    out.set(numbersOf(op), offset + stages[next]!.at);
    next++;
  }
}

function numbersOf(op: PixelOp): readonly number[] {
  switch (op.op) {
    case 'resize': {
      const { box, to, window, flip } = op;
      return [
        ...axis(box.top, box.height, to.height, window.top, window.height, false),
        ...axis(box.left, box.width, to.width, window.left, window.width, flip),
      ];
    }
    case 'brightness':
      return [op.factor, 0, 0];
    case 'contrast':
      return [op.factor, 1, 0];
    case 'saturation':
      return [op.factor, 0, 1];
    case 'grayscale':
      return [0, 0, 1];
    case 'hue':
      return [op.shift];
    case 'solarize':
      return [op.threshold];
    case 'blur':
      return [1 / (2 * op.sigma * op.sigma), op.radius, blurWeights(op.sigma, op.radius)[0]!];
  }
}

function axis(first: number, size: number, to: number, start: number, outputs: number, mirror: boolean) {
  const ratio = size / to;
  return mirror ? [first, size, (start + outputs - 0.5) * ratio, -ratio] : [first, size, (start + 0.5) * ratio, ratio];
}
