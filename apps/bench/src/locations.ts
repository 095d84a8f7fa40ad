import { fileURLToPath } from 'node:url';

// One level below the package in the sources and in dist/ alike.
/** The `contrastive` program. */
export const COMMAND = fileURLToPath(new URL('../bin/contrastive.js', import.meta.url));
/** Grids that come with the program. */
export const GRIDS = fileURLToPath(new URL('../grids/', import.meta.url));
