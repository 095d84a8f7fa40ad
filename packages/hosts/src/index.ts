export * from './byol.js';
export * from './densecl.js';
export * from './moco.js';
export * from './moco-v3.js';
export * from './nnclr.js';
export * from './presets/index.js';
export { type EmaPlacement, embeddingStd } from './shared.js';
export * from './simclr.js';
export * from './simsiam.js';
