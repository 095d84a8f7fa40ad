import { type Curve, swatch } from '../plots/figure.js';
import { curvesOf, curvesOfAll, lines } from '../plots/lines.js';
import { lastOf, partsOf, shortNumber } from '../run/describe.js';
import type { Run } from '../run/run-reader.js';
import { type VerdictKind, verdictOf } from '../run/verdict.js';
import { html, type Markup } from './html.js';
import { distributions, grid, scores } from './score-sections.js';

/** A part of the page with a heading that the navigation links to. */
export interface Section {
  readonly id: string;
  readonly title: string;
  readonly body: Markup;
}

const section = (id: string, title: string, body: Markup | undefined): readonly Section[] =>
  body === undefined ? [] : [{ id, title, body }];

/** Everything that a run's folder alone can tell, for one or several runs. @param pictures sections of what their images show. */
export const sectionsOf = (runs: readonly Run[], pictures: readonly Section[] = []): readonly Section[] => [
  ...section('runs', 'Runs', overview(runs)),
  ...section('verdicts', 'Verdicts', verdicts(runs)),
  ...section('scores', 'Scores', scores(runs)),
  ...section('distributions', 'Score distributions over time', distributions(runs)),
  ...section('loss', 'Loss and schedules', losses(runs)),
  ...section('representation', 'Spread of the features', representation(runs)),
  ...section('methods', 'Measures of host and methods', methodMetrics(runs)),
  ...pictures,
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
      shortNumber(run.metrics.get('imagesPerSecond')?.tail()),
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
    lines(curvesOf(runs, 'representation/purity'), {
      ...{ id: 'purity', title: 'Neighbours of the same class', unit: 'share' },
      note: 'Of the images of a batch, those whose nearest other image, by the encoder’s features, has their class. Labels are used for this only.',
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
    ENVIRONMENT.flatMap((key) => {
      const value = summary?.[key];
      if (value === undefined) return [];
      return [[key, typeof value === 'number' ? Number(shortNumber(value)) : value]];
    }),
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
