export { composeImages, maskedMean, rectangleMask } from './compose-images.js';
export { maskSides, type RegionDraws } from './draws.js';
export { REGIONCL_DEFAULTS, type RegionclOptions, type ResolvedRegionclOptions } from './options.js';
export {
  officialSide,
  type Rectangle,
  type SamplerOptions,
  type Side,
  sampleRectangle,
  sidesFor,
} from './rectangle.js';
export { regioncl } from './regioncl.js';
