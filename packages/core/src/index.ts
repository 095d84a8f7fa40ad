export * from './errors.js';
export * from './host-tensor.js';
export * from './recipe.js';
export * from './rng.js';
export * from './runtime.js';
