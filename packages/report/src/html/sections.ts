import { type Curve, swatch } from '../plots/figure.js';
import { heatmap } from '../plots/heatmap.js';
import { curvesOf, curvesOfAll, lines } from '../plots/lines.js';
import { ridges } from '../plots/ridges.js';
import { isEdited, lastOf, partsOf, rangeOf, shortNumber } from '../run/describe.js';
import type { Run } from '../run/run-reader.js';
import { type VerdictKind, verdictOf } from '../run/verdict.js';
import { html, type Markup } from './html.js';

/** A part of the page with a heading that the navigation links to. */
export interface Section {
  readonly id: string;
  readonly title: string;
  readonly body: Markup;
}

const grid = (figures: readonly (Markup | undefined)[]): Markup | undefined =>
  figures.some((f) => f !== undefined) ? html`<div class="grid">${figures}</div>` : undefined;

const section = (id: string, title: string, body: Markup | undefined): readonly Section[] =>
  body === undefined ? [] : [{ id, title, body }];

/** Everything that a run's folder alone can tell, for one or several runs. */
export const sectionsOf = (runs: readonly Run[]): readonly Section[] => [
  ...section('runs', 'Runs', overview(runs)),
  ...section('verdicts', 'Verdicts', verdicts(runs)),
  ...section('scores', 'Scores', scores(runs)),
  ...section('distributions', 'Score distributions over time', distributions(runs)),
  ...section('loss', 'Loss and schedules', losses(runs)),
  ...section('representation', 'Spread of the features', representation(runs)),
  ...section('methods', 'Measures of host and methods', methodMetrics(runs)),
  ...section('speed', 'Speed and memory', speed(runs)),
  ...section('configuration', 'Configuration and environment', configuration(runs)),
];

function overview(runs: readonly Run[]): Markup {
  const heads = ['run', 'state', 'host + methods', 'epoch', 'step', 'loss', 'kNN', 'images/s'];
  return html`<div class="scroll" tabindex="0" role="region" aria-label="Table of the runs"><table><thead><tr>${heads.map(
    (h) => html`<th scope="col">${h}</th>`,
  )}</tr></thead><tbody>${runs.map((run, i) => {
    const knn = run.summary?.knn;
    const cells = [
      run.state,
      partsOf(run),
      run.epoch,
      run.step,
      shortNumber(lastOf(run, 'loss')),
      typeof knn === 'number' ? `${(100 * knn).toFixed(1)} %` : '–',
      shortNumber(lastOf(run, 'imagesPerSecond')),
    ];
    return html`<tr><th scope="row">${swatch(i)}${run.name}</th>${cells.map((c) => html`<td>${c}</td>`)}</tr>`;
  })}</tbody></table></div>${runs.map(({ name, problems }) =>
    problems.map((problem) => html`<p class="note">${name}: ${problem}</p>`),
  )}`;
}

const LOOK: Readonly<Record<VerdictKind, string>> = {
  healthy: 'good',
  'dimensional collapse': 'bad',
  'complete collapse': 'bad',
  'over-easy positives': 'warn',
  'too early to say': '',
};

const verdicts = (runs: readonly Run[]): Markup =>
  html`<ul class="verdicts">${runs.map((run) => {
    const { kind, meaning, rule } = verdictOf(run);
    return html`<li class="${LOOK[kind]}">${run.name}: <b>${kind}</b>. ${meaning}<br><span class="rule">${rule}</span></li>`;
  })}</ul><p class="note">Judged by the last tenth of the recorded steps. The limits were chosen on small runs; they are a hint, not a proof.</p>`;

/** The paper's statistics, by their names there. */
const STATISTICS = [
  { key: 'negVar', title: 'Variance of negative scores', unit: 'variance', plots: ['P1', 'P5'] },
  { key: 'negMean', title: 'Mean of negative scores', unit: 'cosine', plots: ['P2', 'P6'] },
  { key: 'posMean', title: 'Mean of positive scores', unit: 'cosine', plots: ['P3', 'P7'] },
] as const;

/** Name of the scored term: W-MSE replaces the host's. */
const termOf = (run: Run): string => (run.metrics.has('scores/global/transformed/posMean') ? 'global' : 'wmse');
const scoreCurves = (runs: readonly Run[], stage: string, key: string): Curve[] =>
  runs.flatMap((run, index) =>
    curvesOf([run], `scores/${termOf(run)}/${stage}/${key}`).map((curve) => ({ ...curve, index })),
  );

function scores(runs: readonly Run[]): Markup | undefined {
  const marks = marksOf(runs);
  const entered = 'Scores that entered the loss.';
  const edited = runs.filter(isEdited);
  return grid([
    ...STATISTICS.map(({ key, title, unit, plots }) =>
      lines(scoreCurves(runs, 'transformed', key), {
        id: plots[0],
        title: `${plots[0]} ${title}`,
        unit,
        note: entered,
      }),
    ),
    ...STATISTICS.map(({ key, title, unit }, i) =>
      lines(afterStart(scoreCurves(runs, 'transformed', key)), {
        ...{ id: `P4-${i + 1}`, title: `P4 ${title}, settled`, unit, marks },
        note: 'Without the first tenth of the run; dashed lines at the ends of the first epoch and of 60 % and 80 % of the epochs.',
      }),
    ),
    ...STATISTICS.map(({ key, title, unit, plots }) =>
      ridges(scoreCurves(runs, 'transformed', key), {
        ...{ id: plots[1], title: `${plots[1]} ${title}, by run`, unit },
        note: 'The paper’s waterfall as ridgelines: one row a run, all on one scale.',
      }),
    ),
    ...(edited.length === 0
      ? []
      : STATISTICS.map(({ key, title, unit }) =>
          lines(
            runs.flatMap((run, r) => beforeAndAfter(run, r, key, runs.length)),
            { id: `edited-${key}`, title: `${title}, before and after the methods`, unit },
          ),
        )),
    lines(scoreCurves(runs, 'transformed', 'pullMean'), {
      ...{ id: 'pull', title: 'Gradient weight', unit: '|∂loss/∂score|' },
      note: 'Weight on the positive, (1 − p)/τ, mean over anchors. The weights on an anchor’s negatives add up to the same.',
    }),
    lines(scoreCurves(runs, 'transformed', 'pullVar'), {
      ...{ id: 'pull-variance', title: 'Variance of the gradient weight', unit: 'variance' },
    }),
  ]);
}

const beforeAndAfter = (run: Run, r: number, key: string, count: number): Curve[] =>
  (['raw', 'transformed'] as const).flatMap((stage, s) =>
    scoreCurves([run], stage, key).map((curve) => ({
      ...curve,
      label: `${run.name}, ${stage === 'raw' ? 'before' : 'after'}`,
      index: count === 1 ? s : (2 * r + s) % 8,
    })),
  );

const afterStart = (curves: readonly Curve[]): Curve[] =>
  curves.map((c) => ({ ...c, points: c.points.filter(({ step }) => step > 0.1 * (c.points.at(-1)?.step ?? 0)) }));

/** Ends of epoch 1 and of 60 % and 80 % of the epochs: where the paper has its marks. */
function marksOf([run]: readonly Run[]): number[] {
  const ends = run?.epochEnds ?? [];
  const epochs = ends.length + 1;
  return [...new Set([1, 0.6 * epochs, 0.8 * epochs].map((e) => ends[Math.round(e) - 1]))].filter(
    (m) => m !== undefined,
  );
}

const BLUE = [47, 119, 214] as const;
const ORANGE = [224, 104, 32] as const;

/** Where nothing was edited both stages are the same, and the host's has finer bins; W-MSE has no host's. */
const stagesOf = (run: Run): readonly ('raw' | 'transformed')[] => {
  if (termOf(run) !== 'global') return ['transformed'];
  return isEdited(run) ? ['raw', 'transformed'] : ['raw'];
};

function distributions(runs: readonly Run[]): Markup | undefined {
  return grid(
    runs.flatMap((run, r) =>
      stagesOf(run).flatMap((stage) =>
        (['pos', 'neg'] as const).map((side) => {
          const name = `scores/${termOf(run)}/${stage}/${side}Histogram`;
          const records = run.arrays.get(name)?.points ?? [];
          const kind = side === 'pos' ? 'Positive' : 'Negative';
          const when = isEdited(run) ? (stage === 'raw' ? ', before the methods' : ', after the methods') : '';
          return heatmap(records, {
            id: `heat-${r}-${stage}-${side}`,
            title: `${kind} scores${when}, ${run.name}`,
            range: rangeOf(name)!,
            colour: side === 'pos' ? BLUE : ORANGE,
          });
        }),
      ),
    ),
  );
}

function losses(runs: readonly Run[]): Markup | undefined {
  const terms = [...new Set(runs.flatMap((run) => [...run.metrics.keys()]))].filter((name) => name.startsWith('loss/'));
  return grid([
    lines(curvesOf(runs, 'loss'), { id: 'loss-total', title: 'Loss', unit: 'nats' }),
    ...(terms.length < 2
      ? []
      : terms.map((name, i) =>
          lines(curvesOf(runs, name), {
            id: `loss-term-${i}`,
            title: `Loss term ${name.slice(5)}`,
            note: 'Before its weight.',
          }),
        )),
    lines(curvesOf(runs, 'learningRate'), { id: 'learning-rate', title: 'Learning rate' }),
    lines(curvesOf(runs, 'host/momentum'), { id: 'momentum', title: 'Momentum of the target' }),
  ]);
}

/** What the loss compares, and what is kept of the run. Several runs are compared by the first. */
const placesOf = (key: string) => [
  { name: `representation/embedding/${key}`, label: 'embedding' },
  { name: `representation/pooled/${key}`, label: 'encoder' },
];

function representation(runs: readonly Run[]): Markup | undefined {
  const both = (key: string) => curvesOfAll(runs, runs.length === 1 ? placesOf(key) : placesOf(key).slice(0, 1));
  return grid([
    lines(both('spread'), {
      ...{ id: 'spread', title: 'Deviation of unit features, as a share of a uniform cloud’s' },
      note: '1 is a uniform cloud, 0 a complete collapse. “Embedding” is what the loss compares, “encoder” the pooled features.',
    }),
    lines(both('effectiveRank'), {
      ...{ id: 'rank', title: 'Effective rank', unit: 'directions' },
      note: 'Entropy rank of the covariance of at most 128 images: directions in use.',
    }),
    ...(runs.length === 1
      ? []
      : [
          lines(curvesOf(runs, 'representation/pooled/effectiveRank'), {
            ...{ id: 'encoder-rank', title: 'Effective rank of the encoder', unit: 'directions' },
          }),
        ]),
    lines(both('uniformity'), { id: 'uniformity', title: 'Uniformity', note: '0 is a collapse, −4 a uniform cloud.' }),
    lines(curvesOf(runs, 'representation/alignment'), {
      ...{ id: 'alignment', title: 'Alignment' },
      note: 'Mean squared distance of the two views of an image: lower is closer.',
    }),
    lines(spectra(runs), {
      ...{
        id: 'spectrum',
        title: 'Spectrum of the embedding',
        scale: 'log',
        x: 'direction',
        unit: 'share of variance',
      },
      note: 'Of the last recorded step. A cliff is a dimensional collapse.',
    }),
    lines(curvesOf(runs, 'queueAge'), { id: 'queue-age', title: 'Mean age of the keys in the queue', unit: 'steps' }),
  ]);
}

const spectra = (runs: readonly Run[]): Curve[] =>
  runs.flatMap((run, index) => {
    const values = run.arrays.get('representation/embedding/spectrum')?.last?.values;
    const total = values?.reduce((sum, v) => sum + v, 0);
    if (values === undefined || !total) return [];
    const points = values.map((v, i) => ({ step: i + 1, values: [v / total] }));
    return [{ label: run.name, index, points: points.filter(({ values: [v] }) => v! > 1e-9) }];
  });

const SHOWN_ELSEWHERE =
  /^(loss|scores|representation)\b|^host\/(momentum|positive)$|^(learningRate|stepMs|waitMs|imagesPerSecond|memoryMb|queueAge)$/;

function methodMetrics(runs: readonly Run[]): Markup | undefined {
  const names = [...new Set(runs.flatMap((run) => [...run.metrics.keys()]))].filter((n) => !SHOWN_ELSEWHERE.test(n));
  return grid(names.slice(0, 40).map((name, i) => lines(curvesOf(runs, name), { id: `metric-${i}`, title: name })));
}

function speed(runs: readonly Run[]): Markup | undefined {
  return grid([
    lines(curvesOf(runs, 'imagesPerSecond'), { id: 'images-per-second', title: 'Images per second' }),
    lines(curvesOf(runs, 'waitMs'), { id: 'wait', title: 'Waiting for data', unit: 'ms per step' }),
    lines(curvesOf(runs, 'stepMs'), { id: 'step-time', title: 'Time of a step', unit: 'ms' }),
    lines(curvesOf(runs, 'memoryMb'), { id: 'memory', title: 'Resident memory', unit: 'MiB' }),
  ]);
}

const ENVIRONMENT = ['backend', 'seconds', 'imagesPerSecond', 'peakMemoryMb', 'images', 'skippedImages'];

function configuration(runs: readonly Run[]): Markup {
  const rows = runs.map((run) => flatten({ ...run.config, ...environmentOf(run) }));
  const keys = [...new Set(rows.flatMap((row) => [...row.keys()]))];
  const shown =
    runs.length === 1 ? keys : [...keys].sort((a, b) => Number(isCommon(rows, a)) - Number(isCommon(rows, b)));
  return html`${runs.length > 1 && html`<p class="note">What differs comes first.</p>`}
<div class="scroll" tabindex="0" role="region" aria-label="Table of the configurations"><table class="text"><thead><tr><th scope="col">option</th>${runs.map(
    ({ name }) => html`<th scope="col">${name}</th>`,
  )}</tr></thead><tbody>${shown.map(
    (key) => html`<tr><th scope="row">${key}</th>${rows.map((row) => html`<td>${row.get(key) ?? '–'}</td>`)}</tr>`,
  )}</tbody></table></div>`;
}

const environmentOf = ({ summary }: Run) => ({
  environment: Object.fromEntries(
    ENVIRONMENT.flatMap((key) => (summary?.[key] === undefined ? [] : [[key, summary[key]]])),
  ),
});

const isCommon = (rows: readonly ReadonlyMap<string, string>[], key: string): boolean =>
  new Set(rows.map((row) => row.get(key))).size === 1;

/** `host.momentum.base: 0.99`, a line a value. */
function flatten(value: unknown, path = '', into = new Map<string, string>()): Map<string, string> {
  if (typeof value === 'object' && value !== null && Object.keys(value).length > 0) {
    for (const [key, inner] of Object.entries(value)) flatten(inner, path === '' ? key : `${path}.${key}`, into);
  } else if (into.size < 500 && path !== 'environment') {
    into.set(path, typeof value === 'string' ? value : (JSON.stringify(value) ?? ''));
  }
  return into;
}
