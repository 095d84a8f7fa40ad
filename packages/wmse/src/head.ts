import { integerAtLeast, type Module, mlp, oneOf, prefixed, resolveOptions } from '@contrastive/core';
import { type WhiteningLayerOptions, whiteningLayer } from './layer.js';

export interface WmseHeadOptions {
  /** k, size of an embedding. Default 64 (CIFAR); STL-10, Tiny ImageNet and ImageNet-100 128. */
  readonly dim?: number;
  /** Linear layers, 1 to 3. Default 2 (official code). */
  readonly layers?: number;
  /** Width of hidden layers. Default 1024 (official code). */
  readonly width?: number;
  /** Batch norm after hidden layers. Default true (official code). */
  readonly norm?: boolean;
  /** Batch norm after the last layer. Default false (official code); whitening undoes it anyway. */
  readonly finalNorm?: boolean;
  /** Ends the head with a {@link whiteningLayer}, for hosts that keep their own loss (ours). Default false. */
  readonly whitening?: WhiteningLayerOptions | false;
}

export const WMSE_HEAD_DEFAULTS: Readonly<Required<WmseHeadOptions>> = {
  dim: 64,
  layers: 2,
  width: 1024,
  norm: true,
  finalNorm: false,
  whitening: false,
};

/**
 * The projector of the authors' code, for the `projector` option of a host: Linear, batch norm, ReLU, Linear, with biases.
 * [n, inputs] → [n, dim]; set the host's `dim` to the same.
 *
 * @param inputs channels of the backbone. @throws SslError `BAD_OPTION`.
 * @example simclr({ backbone, projector: wmseHead(backbone.channels), dim: 64 })
 */
export function wmseHead(inputs: number, options: WmseHeadOptions = {}): Module {
  const o = resolveOptions('wmseHead', WMSE_HEAD_DEFAULTS, options, (given) => [
    ...integerAtLeast(1, given, 'dim', 'layers', 'width'),
    ...(given.layers > 3 ? [{ option: 'layers', problem: `must be at most 3, but is ${given.layers}` }] : []),
    ...oneOf(given, 'norm', [true, false]),
    ...oneOf(given, 'finalNorm', [true, false]),
  ]);
  const norm = (has: boolean) => (has ? 'affine' : 'none');
  const head = mlp(inputs, [
    ...Array.from({ length: o.layers - 1 }, () => ({ width: o.width, norm: norm(o.norm), relu: true }) as const),
    { width: o.dim, norm: norm(o.finalNorm) },
  ]);
  return o.whitening === false ? head : followedBy(head, prefixed('whitening', whiteningLayer(o.dim, o.whitening)));
}

const followedBy = (first: Module, second: Module): Module => ({
  specs: { ...first.specs, ...second.specs },
  apply: (weights, input, pass) => second.apply(weights, first.apply(weights, input, pass), pass),
});
