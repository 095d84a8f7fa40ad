export * from './interpolation.js';
export * from './options.js';
export * from './reco.js';
export * from './relation.js';
