import { type RecipeStep, type ResizeFilter, type ViewRecipe, weaken } from '@contrastive/core';
import type { Normalization } from './kernel/pixel-op.js';
import { NORMALIZATIONS } from './normalizations.js';

/** What every recipe takes. The side of the views is the loader's. */
export interface RecipeOptions {
  /** Means and standard deviations; default: the source's own, named at each recipe. */
  readonly normalization?: Normalization;
}

/** A recipe per view, for the frameworks whose two views differ. A `ViewPlan`. */
export type RecipePair = {
  readonly view1: ViewRecipe;
  readonly view2: ViewRecipe;
};

const crop = (low: number, filter: ResizeFilter = 'bilinear'): RecipeStep => ({ op: 'crop', area: [low, 1], filter });
const flip: RecipeStep = { op: 'flip', p: 0.5 };
const gray = (p: number): RecipeStep => ({ op: 'grayscale', p });
const blur = (p: number): RecipeStep => ({ op: 'blur', sigma: [0.1, 2], p });
const solarize = (p: number): RecipeStep => ({ op: 'solarize', threshold: 128 / 255, p });
const jitter = (brightness: number, contrast: number, saturation: number, hue: number, p = 0.8): RecipeStep => ({
  op: 'jitter',
  brightness,
  contrast,
  saturation,
  hue,
  p,
});

const recipe = (
  name: string,
  steps: readonly RecipeStep[],
  { normalization = NORMALIZATIONS.imagenet }: RecipeOptions,
): ViewRecipe => ({ name, steps, mean: normalization.mean, std: normalization.std });

/** Both views by one recipe. */
export const symmetric = (both: ViewRecipe): RecipePair => ({ view1: both, view2: both });

/** MoCo v1 (He et al. 2020, official code): crop, grayscale, jitter of every image, flip. ImageNet statistics. */
export const mocoV1 = (options: RecipeOptions = {}): ViewRecipe =>
  recipe('mocoV1', [crop(0.2), gray(0.2), jitter(0.4, 0.4, 0.4, 0.4, 1), flip], options);

/** MoCo v2 (Chen et al. 2020, official code); SimSiam and DenseCL use the same. ImageNet statistics. */
export const mocoV2 = (options: RecipeOptions = {}): ViewRecipe =>
  recipe('mocoV2', [crop(0.2), jitter(0.4, 0.4, 0.4, 0.1), gray(0.2), blur(0.5), flip], options);

/** SimCLR at full strength (Chen et al. 2020). ImageNet statistics. */
export const simclr = (options: RecipeOptions = {}): ViewRecipe =>
  recipe('simclr', [crop(0.08), flip, jitter(0.8, 0.8, 0.8, 0.2), gray(0.2), blur(0.5)], options);

const byolSteps = (filter: ResizeFilter, blurP: number, solarizeP: number): readonly RecipeStep[] => [
  crop(0.08, filter),
  flip,
  jitter(0.4, 0.4, 0.2, 0.1),
  gray(0.2),
  blur(blurP),
  ...(solarizeP > 0 ? [solarize(solarizeP)] : []),
];

const byolPair = (name: string, filter: ResizeFilter, options: RecipeOptions): RecipePair => ({
  view1: recipe(`${name}/view1`, byolSteps(filter, 1, 0), options),
  view2: recipe(`${name}/view2`, byolSteps(filter, 0.1, 0.2), options),
});

/** BYOL (Grill et al. 2020): blur 1.0 / 0.1, solarize 0 / 0.2, bicubic; NNCLR uses about the same. ImageNet statistics. */
export const byol = (options: RecipeOptions = {}): RecipePair => byolPair('byol', 'bicubic', options);

/** MoCo v3 (Chen et al. 2021, official code): BYOL's with a bilinear resize. ImageNet statistics. */
export const mocoV3 = (options: RecipeOptions = {}): RecipePair => byolPair('mocoV3', 'bilinear', options);

const cifarSteps: readonly RecipeStep[] = [crop(0.08), flip, jitter(0.4, 0.4, 0.4, 0.1), gray(0.2)];

/** MoCo's official CIFAR-10 demo. CIFAR-10 statistics. */
export const mocoCifarDemo = (options: RecipeOptions = {}): ViewRecipe =>
  recipe('mocoCifarDemo', cifarSteps, { normalization: NORMALIZATIONS.cifar10, ...options });

/** lightly's CIFAR benchmark (SimCLR, MoCo, NNCLR): SimCLR at half strength without blur. ImageNet statistics, as lightly does. */
export const lightlyCifar = (options: RecipeOptions = {}): ViewRecipe => recipe('lightlyCifar', cifarSteps, options);

/** solo-learn "symmetric" (SimCLR). ImageNet statistics. */
export const soloSymmetric = (options: RecipeOptions = {}): ViewRecipe =>
  recipe('soloSymmetric', [crop(0.08, 'bicubic'), jitter(0.8, 0.8, 0.8, 0.2), gray(0.2), blur(0.5), flip], options);

/** solo-learn "symmetric_weak" (MoCo v2+, SimSiam on CIFAR). ImageNet statistics. */
export const soloSymmetricWeak = (options: RecipeOptions = {}): ViewRecipe =>
  recipe('soloSymmetricWeak', [crop(0.08, 'bicubic'), jitter(0.4, 0.4, 0.4, 0.1), gray(0.2), blur(0.5), flip], options);

const soloAsymmetricSteps = (...last: readonly RecipeStep[]): readonly RecipeStep[] => [
  crop(0.08, 'bicubic'),
  jitter(0.4, 0.4, 0.2, 0.1),
  gray(0.2),
  ...last,
  flip,
];

/** solo-learn "asymmetric" for CIFAR (BYOL, MoCo v3, NNCLR): no blur, solarize 0 / 0.2. solo-learn's CIFAR-10 statistics. */
export const soloAsymmetricCifar = (options: RecipeOptions = {}): RecipePair => {
  const o = { normalization: NORMALIZATIONS.cifar10Solo, ...options };
  return {
    view1: recipe('soloAsymmetricCifar/view1', soloAsymmetricSteps(), o),
    view2: recipe('soloAsymmetricCifar/view2', soloAsymmetricSteps(solarize(0.2)), o),
  };
};

/** solo-learn "asymmetric" for ImageNet-100 (also SimSiam): blur 1.0 / 0.1, solarize 0 / 0.2. ImageNet statistics. */
export const soloAsymmetricImagenet = (options: RecipeOptions = {}): RecipePair => ({
  view1: recipe('soloAsymmetricImagenet/view1', soloAsymmetricSteps(blur(1)), options),
  view2: recipe('soloAsymmetricImagenet/view2', soloAsymmetricSteps(blur(0.1), solarize(0.2)), options),
});

/** W-MSE (Ermolov et al. 2021, official code) on CIFAR, STL-10, Tiny ImageNet: colour first, then the crop. CIFAR-10 statistics. */
export const wmseSmall = (options: RecipeOptions = {}): ViewRecipe =>
  recipe('wmseSmall', [jitter(0.4, 0.4, 0.4, 0.1), gray(0.1), crop(0.2, 'bicubic'), flip], {
    normalization: NORMALIZATIONS.cifar10,
    ...options,
  });

/** W-MSE on ImageNet-100: colour (of the whole image) first, then crop, flip, blur. ImageNet statistics. */
export const wmseImagenet = (options: RecipeOptions = {}): ViewRecipe =>
  recipe('wmseImagenet', [jitter(0.8, 0.8, 0.8, 0.2), gray(0.2), crop(0.08, 'bicubic'), flip, blur(0.5)], options);

/** ReCo's strong views: MoCo v2's (default), or MoCo v1's. ImageNet statistics. Spec "reco" section 3.2. */
export const recoStrong = (options: RecipeOptions & { readonly version?: 1 | 2 } = {}): ViewRecipe => {
  const { version = 2, ...rest } = options;
  return { ...(version === 1 ? mocoV1(rest) : mocoV2(rest)), name: `recoStrong/v${version}` };
};

/** ReCo's weak view: crop and flip only. ImageNet statistics. */
export const recoWeak = (options: RecipeOptions = {}): ViewRecipe => ({ ...weaken(mocoV2(options)), name: 'recoWeak' });

/** The options of `evaluation`. */
export interface EvaluationOptions extends RecipeOptions {
  /** Shorter side after resizing, pixels: the view's side for CIFAR, 256 for views of 224, 70 for STL-10's 64 (W-MSE). */
  readonly resize: number;
  /** Default bilinear. */
  readonly filter?: ResizeFilter;
}

/** No augmentation: shorter side to `resize`, centre crop, normalise. ImageNet statistics. */
export const evaluation = ({ resize, filter = 'bilinear', ...options }: EvaluationOptions): ViewRecipe =>
  recipe('evaluation', [{ op: 'centerCrop', side: resize, filter }], options);

/** Linear probes' training views: crop of 8 to 100 % of the area, and flip. ImageNet statistics. Spec "hosts" section 11. */
export const probe = (options: RecipeOptions = {}): ViewRecipe => recipe('probe', [crop(0.08), flip], options);
