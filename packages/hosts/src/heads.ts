import { type Module, mlp, withConstantLr } from '@contrastive/core';

/** MoCo v1 (`linear`) and v2 (`mlp`): biases, no batch norm. DenseCL's two heads are the second. */
export const mocoHead = (
  channels: number,
  { head, hidden = channels, dim }: { readonly head: 'mlp' | 'linear'; readonly hidden?: number; readonly dim: number },
): Module => mlp(channels, head === 'linear' ? [{ width: dim }] : [{ width: hidden, relu: true }, { width: dim }]);

interface Widths {
  readonly hidden: number;
  readonly dim: number;
}

/** A layer without bias, batch norm, ReLU. */
const normed = (width: number) => ({ width, bias: false, norm: 'affine', relu: true }) as const;

/** MoCo v3: no biases, batch norm after every layer, ReLU on hidden ones, no scale and shift in the last norm. */
export const mocoV3Projector = (channels: number, layers: number, { hidden, dim }: Widths): Module =>
  mlp(channels, [
    ...Array.from({ length: layers - 1 }, () => normed(hidden)),
    { width: dim, bias: false, norm: 'plain' },
  ]);

/** MoCo v3: two layers without biases; `norm` ends it with a batch norm without scale and shift (ViT). */
export const mocoV3Predictor = ({ hidden, dim }: Widths, norm: boolean): Module =>
  mlp(dim, [normed(hidden), { width: dim, bias: false, norm: norm ? 'plain' : 'none' }]);

/**
 * SimCLR's two layers. `lightly`: no biases, batch norm after both. `solo`: biases, no batch norm. `wmse`: biases and batch norm after
 * both.
 */
export const simclrProjector = (
  channels: number,
  head: 'lightly' | 'solo' | 'wmse',
  { hidden, dim }: Widths,
): Module => {
  const bias = head !== 'lightly';
  const norm = head === 'solo' ? 'none' : 'affine';
  return mlp(channels, [
    { width: hidden, bias, norm, relu: true },
    { width: dim, bias, norm },
  ]);
};

/** SimSiam: the bias of the last layer stays as it is where the batch norm behind it has no shift. */
export const simsiamProjector = (
  channels: number,
  { layers, hidden, dim, affine }: Widths & { readonly layers: number; readonly affine: boolean },
): Module =>
  mlp(channels, [
    ...Array.from({ length: layers - 1 }, () => normed(hidden)),
    affine ? { width: dim, bias: false, norm: 'affine' } : { width: dim, bias: 'frozen', norm: 'plain' },
  ]);

export function simsiamPredictor({ hidden, dim }: Widths, isRateConstant: boolean): Module {
  const predictor = mlp(dim, [normed(hidden), { width: dim }]);
  return isRateConstant ? withConstantLr(predictor) : predictor;
}

/** BYOL's projector and predictor: batch norm and ReLU between two layers; `hiddenBias` is the bias before the batch norm. */
export const byolHead = (inputs: number, { hidden, dim }: Widths, hiddenBias: boolean): Module =>
  mlp(inputs, [{ width: hidden, bias: hiddenBias, norm: 'affine', relu: true }, { width: dim }]);

/** NNCLR: three layers, batch norm after each, ReLU on the first two. */
export const nnclrProjector = (channels: number, { hidden, dim }: Widths): Module =>
  mlp(channels, [
    { width: hidden, norm: 'affine', relu: true },
    { width: hidden, norm: 'affine', relu: true },
    { width: dim, norm: 'affine' },
  ]);

export const nnclrPredictor = ({ hidden, dim }: Widths): Module =>
  mlp(dim, [{ width: hidden, norm: 'affine', relu: true }, { width: dim }]);
