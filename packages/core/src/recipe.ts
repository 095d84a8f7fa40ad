/** Names of a step's views. Every host calls the query view `view1` and the key view `view2`; plug-ins may add others. */
export type ViewName = string;

/** Interpolation of the antialiased resize. */
export type ResizeFilter = 'bilinear' | 'bicubic';

/**
 * One step of a view recipe. Probabilities `p` are per image. Pixel values are in [0, 1] at every stage and clamped after
 * each colour step, as torchvision does. Spec "hosts" section 3.
 */
export type RecipeStep =
  /** RandomResizedCrop: a box of `area` × the image's area and an aspect `ratio` (default 3/4 to 4/3), resized to the output side. */
  | {
      readonly op: 'crop';
      readonly area: readonly [number, number];
      readonly ratio?: readonly [number, number];
      readonly filter: ResizeFilter;
    }
  /** Deterministic: shorter side to `side` pixels, then the centre square of the output side. For evaluation. */
  | { readonly op: 'centerCrop'; readonly side: number; readonly filter: ResizeFilter }
  | { readonly op: 'flip'; readonly p: number }
  /** ColorJitter, its four parts in random order: factors U[max(0, 1 − x), 1 + x], hue shift U[−hue, hue] (turns, at most 0.5). */
  | {
      readonly op: 'jitter';
      readonly brightness: number;
      readonly contrast: number;
      readonly saturation: number;
      readonly hue: number;
      readonly p: number;
    }
  /** Luminance in all three channels. */
  | { readonly op: 'grayscale'; readonly p: number }
  /** Gaussian blur, sigma in pixels, uniform in the range. */
  | { readonly op: 'blur'; readonly sigma: readonly [number, number]; readonly p: number }
  /** v ≥ threshold → 1 − v. */
  | { readonly op: 'solarize'; readonly threshold: number; readonly p: number };

/** How one view is made from a decoded image: the steps in order, then (v − mean) / std per channel. */
export interface ViewRecipe {
  readonly name: string;
  readonly steps: readonly RecipeStep[];
  readonly mean: readonly [number, number, number];
  readonly std: readonly [number, number, number];
}

/** Which views a step needs and how each is made. */
export type ViewPlan = Readonly<Record<ViewName, ViewRecipe>>;

/** The same recipe with crop and flip only: the weak view of ReCo (spec "reco" section 3.2). */
export function weaken(recipe: ViewRecipe): ViewRecipe {
  const steps = recipe.steps.filter((s) => s.op === 'crop' || s.op === 'centerCrop' || s.op === 'flip');
  return { ...recipe, name: `${recipe.name}/weak`, steps };
}
