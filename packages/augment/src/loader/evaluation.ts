import { type EvaluationOptions, evaluation } from '../recipes.js';
import { createLoader, type Loader } from './loader.js';
import type { ImageSource } from './source.js';

/** The options of `createEvaluationLoader`. */
export interface EvaluationLoaderOptions extends Partial<EvaluationOptions> {
  readonly source: ImageSource;
  /** Side of the views, pixels. */
  readonly side: number;
  readonly batch: number;
  /** Worker threads; default 1. */
  readonly workers?: number;
}

/**
 * Every image once, in the source's order, without augmentation: shorter side to `resize` (default `side`), centre crop,
 * normalised. The view is called `view1`; the last batch may be smaller.
 */
export function createEvaluationLoader(options: EvaluationLoaderOptions): Promise<Loader> {
  const { source, side, batch, workers = 1, resize = side, ...recipe } = options;
  return createLoader({
    source,
    views: { view1: evaluation({ resize, ...recipe }) },
    side,
    batch,
    seed: 0,
    workers,
    shuffle: false,
    dropLast: false,
  });
}
