export { type DeviceViewsOptions, deviceViews } from './device/device-views.js';
export { renderViews } from './device/render.js';
export { drawWidth, type PackDraws, packer } from './device/stages.js';
