import type { Check } from './check.js';
import { onlyCommitWritesState, targetGetsNoGradient } from './constants.js';
import { drawsFixedShapes, drawsIndependently } from './draws.js';
import { editsRepeatably } from './edit.js';
import { namesThrowingHooks } from './errors.js';
import { leavesHostState } from './host-state.js';
import { keepsNoTensors } from './memory.js';
import { neutralIsHost } from './neutral.js';
import { recordedIsEager } from './recorded.js';
import { resumes } from './resume.js';

/** The list that every method must pass over every host that it supports. */
export const CHECKS: readonly Check[] = [
  neutralIsHost,
  drawsIndependently,
  drawsFixedShapes,
  targetGetsNoGradient,
  onlyCommitWritesState,
  leavesHostState,
  resumes,
  keepsNoTensors,
  recordedIsEager,
  editsRepeatably,
  namesThrowingHooks,
];
