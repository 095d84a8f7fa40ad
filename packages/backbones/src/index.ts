export type { CountedBackbone } from './count.js';
export * from './resnet.js';
export * from './vit.js';
