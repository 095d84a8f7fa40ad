// The names that a command line or a configuration file may use, and what each makes. All other code imports what it uses.
import { NORMALIZATIONS, type Normalization, type RecipeOptions, type RecipePair, recipes } from '@contrastive/augment';
import { resnet18, resnet34, resnet50, vitBase, vitSmall, vitTiny } from '@contrastive/backbones';
import {
  type AnyHost,
  type AnyPlugin,
  adam,
  adamW,
  type Backbone,
  lars,
  nearest,
  type Optimizer,
  type RateOptions,
  rateSchedule,
  type Schedule,
  SslError,
  sgd,
  type ViewRecipe,
} from '@contrastive/core';
import { ft } from '@contrastive/ft';
import {
  BYOL_PRESETS,
  byol,
  DENSECL_PRESETS,
  densecl,
  type HostPreset,
  MOCO_PRESETS,
  MOCO_V3_PRESETS,
  moco,
  mocoV3,
  NNCLR_PRESETS,
  nnclr,
  SIMCLR_PRESETS,
  SIMSIAM_PRESETS,
  simclr,
  simsiam,
} from '@contrastive/hosts';
import { reco } from '@contrastive/reco';
import { regioncl } from '@contrastive/regioncl';
import { snclr } from '@contrastive/snclr';
import { wmse } from '@contrastive/wmse';
import type { Part } from './config.js';

// A part's options come from a file, so their types are checked by the part itself (`resolveOptions`), not by the compiler.
// biome-ignore lint/suspicious/noExplicitAny: see above.
type Make<T> = (options: any) => T;

const HOSTS: Readonly<Record<string, Make<AnyHost>>> = { moco, mocoV3, simclr, simsiam, byol, densecl, nnclr };
const PRESETS: Readonly<Record<string, readonly HostPreset<object>[]>> = {
  moco: MOCO_PRESETS,
  mocoV3: MOCO_V3_PRESETS,
  simclr: SIMCLR_PRESETS,
  simsiam: SIMSIAM_PRESETS,
  byol: BYOL_PRESETS,
  densecl: DENSECL_PRESETS,
  nnclr: NNCLR_PRESETS,
};
const METHODS: Readonly<Record<string, Make<AnyPlugin>>> = { reco, ft, regioncl, snclr, wmse };
const BACKBONES: Readonly<Record<string, Make<Backbone>>> = {
  resnet18,
  resnet34,
  resnet50,
  vitTiny,
  vitSmall,
  vitBase,
};
const OPTIMIZERS: Readonly<Record<string, Make<Optimizer>>> = { sgd, lars, adam, adamW };
const RECIPES = recipes as unknown as Readonly<Record<string, (options: RecipeOptions) => ViewRecipe | RecipePair>>;

export const names = {
  hosts: Object.keys(HOSTS),
  methods: Object.keys(METHODS),
  backbones: Object.keys(BACKBONES),
  optimizers: Object.keys(OPTIMIZERS),
  normalizations: Object.keys(NORMALIZATIONS),
};

/**
 * The entry called `name`, in upper or lower case.
 *
 * @throws SslError `BAD_OPTION` naming the nearest, if there is none.
 */
function lookUp<T>(kind: string, table: Readonly<Record<string, T>>, name: string): T {
  const known = Object.keys(table);
  const key = known.find((k) => k === name) ?? known.find((k) => k.toLowerCase() === name.toLowerCase());
  if (key !== undefined) return table[key]!;
  const near = nearest(name, known);
  throw new SslError('BAD_OPTION', `There is no ${kind} called ${name}.`, {
    hint: near === undefined ? `There are ${known.join(', ')}.` : `Did you mean ${near}?`,
  });
}

const optionsOf = ({ name: _, ...options }: Part): Record<string, unknown> => options;

export function makeBackbone(part: Part, side: number): Backbone {
  const make = lookUp('backbone', BACKBONES, part.name);
  const options = optionsOf(part);
  // About eight patches a side, as the usual small variants have (spec "hosts" section 2).
  if (part.name.startsWith('vit')) return make({ patch: side <= 48 ? 4 : side <= 128 ? 8 : 16, ...options });
  // Small images keep their resolution: without pooling in the stem a 32-pixel image has 4 × 4 cells, with ImageNet's stem one.
  const stem = side <= 48 ? 'cifar' : side <= 128 ? 'small' : 'imagenet';
  return make({ stem, ...options });
}

export const makeHost = (part: Part, backbone: Backbone): AnyHost =>
  lookUp('host', HOSTS, part.name)({ ...optionsOf(part), backbone });

/** Published and practical recipes of a host. */
export const presetsOf = (host: string): readonly HostPreset<object>[] => lookUp('host', PRESETS, host);

export const makeMethod = (part: Part): AnyPlugin => lookUp('method', METHODS, part.name)(optionsOf(part));

export const makeOptimizer = (part: Part): Optimizer => lookUp('optimizer', OPTIMIZERS, part.name)(optionsOf(part));

export const makeSchedule = (learningRate: number, { name, ...options }: Part): Schedule =>
  rateSchedule(learningRate, { kind: name, ...options } as unknown as RateOptions);

export const normalizationOf = (name: string): Normalization => lookUp('normalization', NORMALIZATIONS, name);

/** One recipe, or one per view. */
export function makeRecipes(name: string, normalization: Normalization): readonly ViewRecipe[] {
  const made = lookUp('recipe', RECIPES, name)({ normalization });
  return 'steps' in made ? [made] : [made.view1, made.view2];
}
