import * as Plot from '@observablehq/plot';
import { html, type Insertable, type Markup } from '../html/html.js';
import type { Run } from '../run/run-reader.js';
import type { Point } from '../run/series.js';
import { type Curve, curveTable, describeCurves, FAINT, figure, legend } from './figure.js';
import { render, strokeOf, tick } from './render.js';

export interface LinesOptions {
  readonly id: string;
  readonly title: string;
  readonly note?: Insertable;
  readonly unit?: string;
  /** Steps marked by dashed lines. */
  readonly marks?: readonly number[];
  readonly scale?: 'linear' | 'log';
  /** Name of the horizontal axis. Default `step`. */
  readonly x?: string;
}

const flat = (points: readonly Point[]) => points.map(({ step, values: [value] }) => ({ step, value: value! }));

/** Curves over the steps. Undefined where there is nothing to draw. */
export function lines(curves: readonly Curve[], options: LinesOptions): Markup | undefined {
  const { id, title, note, unit = '', marks = [], scale = 'linear', x = 'step' } = options;
  const drawn = curves
    .map((c) => ({ ...c, points: scale === 'log' ? c.points.filter(({ values: [v] }) => v! > 0) : c.points }))
    .filter(({ points }) => points.length > 0);
  if (drawn.length === 0) return undefined;
  const plot = render(
    {
      x: { label: x, labelOffset: 38, ticks: 5 },
      y: {
        label: unit === '' ? null : unit,
        type: scale,
        ticks: 5,
        tickFormat: tick,
        grid: true,
        ...(scale === 'linear' ? { nice: true } : {}),
      },
      marks: [
        Plot.ruleX(marks, { stroke: 'currentColor', strokeOpacity: 0.4, strokeDasharray: '3 3' }),
        ...drawn.flatMap(({ points, index, isFaint }) => [
          Plot.lineY(flat(points), {
            ...{ x: 'step', y: 'value', ...strokeOf(index) },
            ...(isFaint ? { strokeWidth: 1, strokeOpacity: FAINT } : { strokeWidth: 1.6 }),
          }),
          ...(points.length === 1 ? [Plot.dot(flat(points), { x: 'step', y: 'value', ...strokeOf(index) })] : []),
        ]),
      ],
    },
    describeCurves(title, drawn),
  );
  return figure({
    ...{ id, title, table: curveTable(drawn) },
    ...(note === undefined ? {} : { note }),
    plot: html`${plot}${legend(drawn)}`,
  });
}

/** A metric of several runs as curves; runs without it are left out. */
export const curvesOf = (runs: readonly Run[], metric: string): Curve[] =>
  runs.flatMap((run, index) => {
    const series = run.metrics.get(metric);
    return series === undefined ? [] : [{ label: run.name, index, points: series.points }];
  });

/** Several metrics of several runs as curves; colours go by run, or by metric where there is one run. */
export const curvesOfAll = (
  runs: readonly Run[],
  metrics: readonly { readonly name: string; readonly label: string }[],
) =>
  runs.flatMap((run, r) =>
    metrics.flatMap(({ name, label }, m): Curve[] => {
      const series = run.metrics.get(name);
      if (series === undefined) return [];
      return [
        {
          label: [...(runs.length > 1 ? [run.name] : []), ...(metrics.length > 1 ? [label] : [])].join(', ') || label,
          index: runs.length === 1 ? m : r,
          points: series.points,
        },
      ];
    }),
  );
