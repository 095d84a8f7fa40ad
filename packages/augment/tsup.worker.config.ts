import { preset } from '../../tooling/tsup.js';

// The worker is one self-contained file, so that it starts quickly and does not load the tensor library.
export default preset({
  entry: { worker: 'src/loader/worker.ts' },
  noExternal: [/^@contrastive\//],
  dts: false,
  clean: false,
  esbuildOptions: (options) => {
    options.conditions = ['@contrastive/source'];
  },
});
