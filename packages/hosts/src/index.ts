export * from './moco.js';
export { embeddingStd } from './shared.js';
export * from './simclr.js';
