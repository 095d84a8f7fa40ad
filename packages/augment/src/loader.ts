export * from './loader/evaluation.js';
export * from './loader/loader.js';
export * from './loader/source.js';
