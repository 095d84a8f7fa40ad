import { recipes } from '@contrastive/augment';
import type { ViewRecipe } from '@contrastive/core';
import type { EncoderMeta } from '../encoder-file.js';

/** Input side from which on images are resized beyond it and cropped, as ImageNet's are; smaller ones are used whole. */
const CROPPED_FROM = 160;

/** Shorter side of test images before the centre crop: 256 for views of 224; that of the view itself for small ones, as CIFAR's are. */
export const testResize = (side: number): number => (side < CROPPED_FROM ? side : Math.round((side * 256) / 224));

/** The view that stored features and test accuracies are of: no augmentation, the statistics of pretraining. Spec "evaluation" section 1. */
export const testView = ({ side, mean, std }: Pick<EncoderMeta, 'side' | 'mean' | 'std'>): ViewRecipe =>
  recipes.evaluation({ resize: testResize(side), normalization: { mean, std } });
