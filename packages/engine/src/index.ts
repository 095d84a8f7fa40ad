export { CLUSTER_DEFAULTS, type Cluster, type ClusterOptions, joinCluster } from './cluster/cluster.js';
export {
  COMPILED_RUNTIME_DEFAULTS,
  type CompiledRuntime,
  type CompiledRuntimeOptions,
  compiledRuntime,
  type Precision,
} from './compiled-runtime.js';
export { type CpuFeatures, type DoctorReport, doctor, type Finding } from './doctor.js';
export type { Device } from './eager/context.js';
export type { StepStats, TensorFlowProgram, TensorFlowStep } from './graph/program.js';
export {
  findLibrary,
  type LibraryLocation,
  type LibrarySearch,
  type MissingLibrary,
  searchLibrary,
} from './library/locate.js';
export { SETUP_DEFAULTS, type SetupOptions, type SetupProgress, setup } from './library/setup.js';
export { TENSORFLOW_VERSION, type Variant } from './library/wheel.js';
export { LOAD_DEFAULTS, type LoadOptions, loadTensorFlow, type TensorFlow } from './load.js';
export { type SelectedBackend, selectBackend } from './select-backend.js';
export { useWasmBackend } from './wasm/backend.js';
