import { defineConfig, type Options } from 'tsup';

/** Shared build: ESM with types from src/index.ts; workspace packages and npm packages stay external. */
export const preset = (options: Options = {}) =>
  defineConfig({
    entry: ['src/index.ts'],
    format: 'esm',
    target: 'node20',
    dts: true,
    sourcemap: true,
    clean: true,
    ...options,
  });
