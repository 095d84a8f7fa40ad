import type { RecipeStep, ViewRecipe } from '@contrastive/core';
import { describe, expect, it } from 'vitest';
import { checkRecipe } from './draw.js';
import { NORMALIZATIONS } from './normalizations.js';
import * as recipes from './recipes.js';

/** A recipe as the specification's table writes it: crop area, jitter (p), grayscale, blur, solarize; and its order. */
function row({ steps }: ViewRecipe) {
  const find = <O extends RecipeStep['op']>(op: O) => steps.find((s): s is RecipeStep & { op: O } => s.op === op);
  const [jitter, crop] = [find('jitter'), find('crop')!];
  return {
    area: crop.area[0],
    filter: crop.filter,
    jitter: jitter && [jitter.brightness, jitter.contrast, jitter.saturation, jitter.hue, jitter.p],
    gray: find('grayscale')?.p,
    blur: find('blur')?.p ?? 0,
    solarize: find('solarize')?.p ?? 0,
    flip: find('flip')?.p,
    order: steps.map((s) => s.op).join(' '),
  };
}

const weak = [0.4, 0.4, 0.4, 0.1, 0.8];
const strong = [0.8, 0.8, 0.8, 0.2, 0.8];
const byol = [0.4, 0.4, 0.2, 0.1, 0.8];
const usual = { flip: 0.5, gray: 0.2, solarize: 0, blur: 0 };

describe('recipes', () => {
  it.each([
    [
      'mocoV1',
      recipes.mocoV1(),
      { ...usual, area: 0.2, filter: 'bilinear', jitter: [0.4, 0.4, 0.4, 0.4, 1], order: 'crop grayscale jitter flip' },
    ],
    [
      'mocoV2',
      recipes.mocoV2(),
      { ...usual, area: 0.2, filter: 'bilinear', jitter: weak, blur: 0.5, order: 'crop jitter grayscale blur flip' },
    ],
    [
      'simclr',
      recipes.simclr(),
      { ...usual, area: 0.08, filter: 'bilinear', jitter: strong, blur: 0.5, order: 'crop flip jitter grayscale blur' },
    ],
    [
      'byol view1',
      recipes.byol().view1,
      { ...usual, area: 0.08, filter: 'bicubic', jitter: byol, blur: 1, order: 'crop flip jitter grayscale blur' },
    ],
    [
      'byol view2',
      recipes.byol().view2,
      {
        ...usual,
        area: 0.08,
        filter: 'bicubic',
        jitter: byol,
        blur: 0.1,
        solarize: 0.2,
        order: 'crop flip jitter grayscale blur solarize',
      },
    ],
    [
      'mocoV3 view2',
      recipes.mocoV3().view2,
      {
        ...usual,
        area: 0.08,
        filter: 'bilinear',
        jitter: byol,
        blur: 0.1,
        solarize: 0.2,
        order: 'crop flip jitter grayscale blur solarize',
      },
    ],
    [
      'mocoCifarDemo',
      recipes.mocoCifarDemo(),
      { ...usual, area: 0.08, filter: 'bilinear', jitter: weak, order: 'crop flip jitter grayscale' },
    ],
    [
      'lightlyCifar',
      recipes.lightlyCifar(),
      { ...usual, area: 0.08, filter: 'bilinear', jitter: weak, order: 'crop flip jitter grayscale' },
    ],
    [
      'soloSymmetric',
      recipes.soloSymmetric(),
      { ...usual, area: 0.08, filter: 'bicubic', jitter: strong, blur: 0.5, order: 'crop jitter grayscale blur flip' },
    ],
    [
      'soloSymmetricWeak',
      recipes.soloSymmetricWeak(),
      { ...usual, area: 0.08, filter: 'bicubic', jitter: weak, blur: 0.5, order: 'crop jitter grayscale blur flip' },
    ],
    [
      'soloAsymmetricCifar view1',
      recipes.soloAsymmetricCifar().view1,
      { ...usual, area: 0.08, filter: 'bicubic', jitter: byol, order: 'crop jitter grayscale flip' },
    ],
    [
      'soloAsymmetricCifar view2',
      recipes.soloAsymmetricCifar().view2,
      {
        ...usual,
        area: 0.08,
        filter: 'bicubic',
        jitter: byol,
        solarize: 0.2,
        order: 'crop jitter grayscale solarize flip',
      },
    ],
    [
      'soloAsymmetricImagenet view1',
      recipes.soloAsymmetricImagenet().view1,
      { ...usual, area: 0.08, filter: 'bicubic', jitter: byol, blur: 1, order: 'crop jitter grayscale blur flip' },
    ],
    [
      'soloAsymmetricImagenet view2',
      recipes.soloAsymmetricImagenet().view2,
      {
        ...usual,
        area: 0.08,
        filter: 'bicubic',
        jitter: byol,
        blur: 0.1,
        solarize: 0.2,
        order: 'crop jitter grayscale blur solarize flip',
      },
    ],
    [
      'wmseSmall',
      recipes.wmseSmall(),
      { ...usual, area: 0.2, filter: 'bicubic', jitter: weak, gray: 0.1, order: 'jitter grayscale crop flip' },
    ],
    [
      'wmseImagenet',
      recipes.wmseImagenet(),
      { ...usual, area: 0.08, filter: 'bicubic', jitter: strong, blur: 0.5, order: 'jitter grayscale crop flip blur' },
    ],
    [
      'recoStrong',
      recipes.recoStrong(),
      { ...usual, area: 0.2, filter: 'bilinear', jitter: weak, blur: 0.5, order: 'crop jitter grayscale blur flip' },
    ],
    [
      'recoStrong v1',
      recipes.recoStrong({ version: 1 }),
      { ...usual, area: 0.2, filter: 'bilinear', jitter: [0.4, 0.4, 0.4, 0.4, 1], order: 'crop grayscale jitter flip' },
    ],
    [
      'recoWeak',
      recipes.recoWeak(),
      { ...usual, area: 0.2, filter: 'bilinear', jitter: undefined, gray: undefined, order: 'crop flip' },
    ],
  ])('%s has the numbers and the order of the specification', (_, recipe, expected) => {
    expect(row(recipe)).toEqual(expected);
    expect(() => checkRecipe(recipe, 32)).not.toThrow();
  });

  it('takes other statistics, and has the sources own by default', () => {
    expect(recipes.lightlyCifar()).toMatchObject(NORMALIZATIONS.imagenet);
    expect(recipes.mocoCifarDemo()).toMatchObject(NORMALIZATIONS.cifar10);
    expect(recipes.soloAsymmetricCifar().view1).toMatchObject(NORMALIZATIONS.cifar10Solo);
    expect(recipes.mocoV2({ normalization: NORMALIZATIONS.cifar100 })).toMatchObject(NORMALIZATIONS.cifar100);
  });

  it('uses one recipe for both views when asked', () => {
    const recipe = recipes.simclr();
    expect(recipes.symmetric(recipe)).toEqual({ view1: recipe, view2: recipe });
  });
});
