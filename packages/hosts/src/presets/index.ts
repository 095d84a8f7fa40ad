export { BYOL_PRESETS } from './byol.js';
export { DENSECL_PRESETS } from './densecl.js';
export { MOCO_PRESETS } from './moco.js';
export { MOCO_V3_PRESETS } from './moco-v3.js';
export { NNCLR_PRESETS } from './nnclr.js';
export type { DataSet, HostPreset, PresetPart, PresetSource } from './preset.js';
export { SIMCLR_PRESETS } from './simclr.js';
export { SIMSIAM_PRESETS } from './simsiam.js';
