export { type Bank, type Neighbours, nearestKeys } from './bank.js';
export { softPositives } from './objective.js';
export { type ResolvedSnclrOptions, SNCLR_DEFAULTS, type SnclrOptions } from './options.js';
export { neighbourWeights } from './positiveness.js';
export { snclr } from './snclr.js';
export { distinctShare, entropyOf, purityOf } from './statistics.js';
