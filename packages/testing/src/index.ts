export * from './close-to.js';
export * from './compare.js';
export * from './fixture.js';
export * from './gradients.js';
export * from './parity.js';
export * from './seeded.js';
export * from './tiny-backbone.js';
