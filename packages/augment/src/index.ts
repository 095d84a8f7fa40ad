export * from './draw.js';
export * from './kernel/js-kernel.js';
export * from './kernel/pixel-op.js';
export * from './kernel/wasm-kernel.js';
export * from './normalizations.js';
export type { EvaluationOptions, RecipeOptions, RecipePair } from './recipes.js';
export * as recipes from './recipes.js';
export * from './sample-stream.js';
export * from './sampler.js';
