import { fileURLToPath } from 'node:url';
import { defaultServerConditions } from 'vite';
import { defineConfig, type ViteUserConfig } from 'vitest/config';

const conditions = ['@contrastive/source', ...defaultServerConditions];

/** Shared test set-up: workspace packages are read from source; one process a file, since TensorFlow lives once per process. */
export const preset = (test: ViteUserConfig['test'] = {}) =>
  defineConfig({
    resolve: { conditions },
    ssr: { resolve: { conditions, externalConditions: conditions } },
    test: {
      include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
      setupFiles: [fileURLToPath(new URL('./vitest-setup.ts', import.meta.url))],
      passWithNoTests: true,
      pool: 'forks',
      maxWorkers: 1,
      testTimeout: 60_000,
      reporters: ['default', ['json', { outputFile: '.reports/vitest.json' }]],
      ...test,
    },
  });
