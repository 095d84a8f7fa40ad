export type { FtDraws } from './draws.js';
export { type Pair, pushApart } from './extrapolation.js';
export { ft } from './ft.js';
export { mixMask, mixRows } from './interpolation.js';
export { FT_DEFAULTS, type FtOptions, type Granularity, type ResolvedFtOptions } from './options.js';
export { QUANTILES, SCORE_RECORDER_DEFAULTS, type ScoreRecorderOptions, scoreRecorder } from './score-recorder.js';
export { type ScoreRows, type ScoreSummary, scoreRows, summarizeScores } from './score-statistics.js';
