import { closeSync, existsSync, openSync } from 'node:fs';
import koffi, { type LibraryHandle } from 'koffi';

/** Abseil's `SetMinLogLevel(severity)`; the name holds the release date of the Abseil inside TensorFlow 2.21. */
const SET_MIN_LOG_LEVEL = '_ZN4absl12lts_2025081414SetMinLogLevelENS0_18LogSeverityAtLeastE';
const ERRORS_ONLY = 2;
const STDERR = 2;

/**
 * Silences TensorFlow's notices on stderr, unless `TF_CPP_MIN_LOG_LEVEL` asks for them (0). TensorFlow 2.21 does not heed that
 * variable for what it says while its framework library is being loaded, so that library is loaded first, with stderr closed,
 * and told the level. Other releases have no such function; then nothing is lost but the silence.
 */
export function quietLogs(libraryFile: string): void {
  process.env.TF_CPP_MIN_LOG_LEVEL ??= String(ERRORS_ONLY);
  const level = Number(process.env.TF_CPP_MIN_LOG_LEVEL);
  const framework = libraryFile.replace('libtensorflow_cc', 'libtensorflow_framework');
  if (process.platform !== 'linux' || level < 1 || framework === libraryFile || !existsSync(framework)) return;
  const library = withoutStderr(() => koffi.load(framework));
  try {
    (library.func(`void ${SET_MIN_LOG_LEVEL}(int)`) as (level: number) => void)(level);
  } catch {} // another release of Abseil
}

function withoutStderr(load: () => LibraryHandle): LibraryHandle {
  const libc = koffi.load('libc.so.6');
  const dup = libc.func('int dup(int)') as (file: number) => number;
  const dup2 = libc.func('int dup2(int, int)') as (from: number, to: number) => number;
  const saved = dup(STDERR);
  const nowhere = openSync('/dev/null', 'w');
  dup2(nowhere, STDERR);
  try {
    return load();
  } finally {
    dup2(saved, STDERR);
    closeSync(saved);
    closeSync(nowhere);
  }
}
