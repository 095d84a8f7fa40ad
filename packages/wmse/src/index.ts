export * from './options.js';
export * from './pairs.js';
export * from './whitening/factors.js';
export * from './whitening/whiten.js';
export * from './wmse.js';
