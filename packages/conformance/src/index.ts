export { smallBackbone } from './backbone.js';
export { BATCH, type Cell, RECIPE, SIDE } from './cell.js';
export type { Check, CheckContext } from './checks/check.js';
export { CHECKS } from './checks/index.js';
export { AGREEMENT } from './checks/recorded.js';
export { type Fit, fitOf } from './fit.js';
export { HOSTS, type HostCase } from './hosts.js';
export { cellOf, type MethodCase, recordedRuntime } from './method.js';
export { testPlugin } from './test-plugin.js';
