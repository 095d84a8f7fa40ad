import { existsSync } from 'node:fs';
import { SslError } from '@contrastive/core';
import { readJson, writeFileAtomic } from '../files.js';
import { textTable } from '../table.js';
import { intervalText, type ResultRow, valueText } from './result.js';

/** Results on one encoder and one data set: an entry of `evaluation.json`. */
export interface Evaluation {
  readonly encoder: {
    readonly path: string;
    readonly sha256: string;
    readonly backbone: string;
    readonly side: number;
  };
  readonly data: {
    readonly location: string;
    /** Hashes of training and test images. */
    readonly fingerprints: readonly string[];
    readonly classes: readonly string[];
    readonly train: number;
    readonly test: number;
  };
  readonly backend: string;
  readonly seed: number;
  /** What a reader of the numbers must know. */
  readonly notes: readonly string[];
  readonly results: readonly ResultRow[];
}

/** What `evaluation.json` holds. */
export interface EvaluationFile {
  readonly version: 1;
  readonly evaluations: readonly Evaluation[];
}

/** @throws SslError `USAGE` if the file is of another kind. */
export function readEvaluations(path: string): EvaluationFile {
  if (!existsSync(path)) return { version: 1, evaluations: [] };
  const file = readJson(path) as EvaluationFile;
  if (file.version !== 1 || !Array.isArray(file.evaluations)) {
    throw new SslError('USAGE', `${path} does not hold evaluations of this version.`, { hint: 'Move it away.' });
  }
  return file;
}

/** Adds results to the file: same encoder, data and seed extend their entry, and a number that is measured again replaces its former. */
export function addEvaluation(path: string, evaluation: Evaluation): void {
  const { evaluations } = readEvaluations(path);
  const earlier = evaluations.find((e) => keyOf(e) === keyOf(evaluation));
  const others = evaluations.filter((e) => e !== earlier);
  const again = new Set(evaluation.results.map(rowKey));
  const results = [...(earlier?.results ?? []).filter((row) => !again.has(rowKey(row))), ...evaluation.results];
  const file: EvaluationFile = { version: 1, evaluations: [...others, { ...evaluation, results }] };
  writeFileAtomic(path, `${JSON.stringify(file, null, 2)}\n`);
}

const keyOf = ({ encoder, data, seed }: Evaluation) => JSON.stringify([encoder.sha256, data.fingerprints, seed]);
const rowKey = ({ encoder, protocol, name, metric }: ResultRow) => JSON.stringify([encoder, protocol, name, metric]);

/** The results for a terminal. */
export function evaluationTable({ results, data, notes }: Evaluation): string {
  const withEncoder = new Set(results.map((r) => r.encoder)).size > 1;
  const header = [...(withEncoder ? ['encoder'] : []), 'protocol', 'metric', 'value', '95 % interval', 'over'];
  const rows = results.map((r) => [
    ...(withEncoder ? [r.encoder] : []),
    r.name,
    r.metric,
    valueText(r.value, r.isShare),
    intervalText(r),
    r.intervalOver === undefined ? '' : `${r.n} ${r.intervalOver}`,
  ]);
  const remarks = new Set(
    results.flatMap(({ encoder, name, note }) =>
      note === undefined ? [] : [`${withEncoder ? `${encoder}, ` : ''}${name}: ${note}.`],
    ),
  );
  const images = `${data.train} training images, ${data.test} test images`;
  return [textTable(header, rows), '', images, ...notes, ...remarks].join('\n');
}
