export type { SkippedImage, Storage } from './cache/format.js';
export { isTarName, readTar, type TarEntry } from './containers/tar.js';
export * from './decode.js';
export * from './errors.js';
export * from './open-images.js';
