export { ReportError, type ReportErrorCode } from './errors.js';
export { type NpyArray, readNpy } from './record/npy.js';
export { type RecordedArray, RecordLog, type StepRecord } from './record/record-log.js';
