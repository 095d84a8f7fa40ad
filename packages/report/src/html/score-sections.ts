import type { Curve } from '../plots/figure.js';
import { heatmap } from '../plots/heatmap.js';
import { curvesOf, lines } from '../plots/lines.js';
import { ridges } from '../plots/ridges.js';
import { isEdited, rangeOf } from '../run/describe.js';
import type { Run } from '../run/run-reader.js';
import { html, type Markup } from './html.js';

/** Figures side by side; undefined where there is none. */
export const grid = (figures: readonly (Markup | undefined)[], look = 'grid'): Markup | undefined =>
  figures.some((f) => f !== undefined) ? html`<div class="${look}">${figures}</div>` : undefined;

/** The paper's statistics, by their names there. */
const STATISTICS = [
  {
    ...{ key: 'negVar', title: 'Variance of negative scores', unit: 'variance', plots: ['P1', 'P5'] as const },
    reading:
      'Good runs: small and steady after the start. Near 0 with P2 near P3: all images look alike. Peaks: oscillation.',
  },
  {
    ...{ key: 'negMean', title: 'Mean of negative scores', unit: 'cosine', plots: ['P2', 'P6'] as const },
    reading: 'Good runs: well below P3. Rising as fast as P3: all images drift one way, and nothing is told apart.',
  },
  {
    ...{ key: 'posMean', title: 'Mean of positive scores', unit: 'cosine', plots: ['P3', 'P7'] as const },
    reading:
      'Good runs: moderate, rising smoothly. Near 1: positives teach nothing, or everything has collapsed (see P2).',
  },
] as const;

/** Name of the scored term: W-MSE replaces the host's. */
const termOf = (run: Run): string => (run.metrics.has('scores/global/transformed/posMean') ? 'global' : 'wmse');
const scoreCurves = (runs: readonly Run[], stage: string, key: string): Curve[] =>
  runs.flatMap((run, index) =>
    curvesOf([run], `scores/${termOf(run)}/${stage}/${key}`).map((curve) => ({ ...curve, index })),
  );

/** The paper's plots, what methods changed, and how the gradient is shared out. */
export function scores(runs: readonly Run[]): Markup | undefined {
  const marks = marksOf(runs);
  const edited = runs.filter(isEdited);
  return grid([
    ...STATISTICS.map(({ key, title, unit, plots, reading }) =>
      lines(scoreCurves(runs, 'transformed', key), {
        id: plots[0],
        title: `${plots[0]} ${title}`,
        unit,
        note: reading,
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
            edited.flatMap((run) => beforeAndAfter(run, runs.indexOf(run), key)),
            {
              ...{ id: `edited-${key}`, title: `${title}, before and after the methods`, unit },
              note: 'Faint: the host’s own scores. Strong: those that entered the loss, after the methods’ edits.',
            },
          ),
        )),
    lines(scoreCurves(runs, 'transformed', 'pullMean'), {
      ...{ id: 'pull', title: 'Gradient weight of the positive', unit: '|∂loss/∂score|' },
      note: '(1 − p)/τ, mean over anchors: how hard views are pulled together. It can be 1/τ at most.',
    }),
    lines(scoreCurves(runs, 'transformed', 'pullVar'), {
      ...{ id: 'pull-variance', title: 'Variance of the positive’s gradient weight', unit: 'variance' },
    }),
    lines(scoreCurves(runs, 'transformed', 'pushMean'), {
      ...{ id: 'push', title: 'Gradient weight of all negatives', unit: 'Σ |∂loss/∂score|' },
      note: 'Sum over an anchor’s negatives, mean over anchors. With one positive it is the positive’s.',
    }),
    lines(hardestShare(runs), {
      ...{ id: 'hardest', title: 'Share of the hardest negative', unit: 'share of the negatives’ weight' },
      note: 'Near 1: the temperature is so small that the loss sees one negative only. Near 1/K: it sees all alike.',
    }),
  ]);
}

const beforeAndAfter = (run: Run, index: number, key: string): Curve[] =>
  (['raw', 'transformed'] as const).flatMap((stage) =>
    scoreCurves([run], stage, key).map((curve) => {
      const isRaw = stage === 'raw';
      return { ...curve, label: `${run.name}, ${isRaw ? 'before' : 'after'}`, index, isFaint: isRaw };
    }),
  );

/** Of an anchor's weight on its negatives, what the hardest one gets. */
const hardestShare = (runs: readonly Run[]): Curve[] => {
  const all = scoreCurves(runs, 'transformed', 'pushMean');
  return scoreCurves(runs, 'transformed', 'hardestMean').flatMap((curve) => {
    const sums = all.find(({ index }) => index === curve.index)?.points ?? [];
    const points = curve.points.flatMap(({ step, values: [hardest] }, i) => {
      const sum = sums[i]?.values[0];
      return sum === undefined || sum <= 0 ? [] : [{ step, values: [hardest! / sum] }];
    });
    return [{ ...curve, points }];
  });
};

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

/** Histograms over the steps: one heat map for each run, stage and side. */
export function distributions(runs: readonly Run[]): Markup | undefined {
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
    'grid fours',
  );
}
