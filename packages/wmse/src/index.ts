export * from './head.js';
export * from './layer.js';
export * from './options.js';
export * from './pairs.js';
export { type ExactMethod, type Factors, factorize, WHITEN_KERNEL } from './whitening/factors.js';
export * from './whitening/whiten.js';
export * from './wmse.js';
