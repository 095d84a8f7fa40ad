import * as Plot from '@observablehq/plot';
import type { Markup } from '../html/html.js';
import { type Curve, curveTable, describeCurves, figure } from './figure.js';
import { render, strokeOf, tick, WIDTH } from './render.js';

/**
 * Curves one behind the other on a common scale, the paper's 3-D waterfalls without their hidden parts: one small multiple a run, from
 * top to bottom.
 */
export function ridges(
  curves: readonly Curve[],
  {
    id,
    title,
    note,
    unit,
  }: { readonly id: string; readonly title: string; readonly note: string; readonly unit: string },
): Markup | undefined {
  const drawn = curves.filter(({ points }) => points.length > 0);
  if (drawn.length === 0) return undefined;
  const values = drawn.flatMap(({ points }) => points.map(({ values: [v] }) => v!));
  const [low, high] = [Math.min(0, ...values), Math.max(0, ...values)];
  const rows = drawn.map(({ points, index }) => ({
    index,
    data: points.map(({ step, values: [value] }) => ({ step, value: value!, run: index })),
  }));
  const plot = render(
    {
      width: WIDTH,
      height: 70 + 64 * drawn.length,
      x: { label: 'step', labelOffset: 38, ticks: 5 },
      y: { label: unit, domain: low === high ? [0, 1] : [low, high], ticks: 2, tickFormat: tick, grid: true },
      fy: { axis: null, domain: rows.map(({ index }) => index), padding: 0.12 },
      marks: [
        ...rows.flatMap(({ index, data }) => [
          Plot.areaY(data, { x: 'step', y: 'value', fy: 'run', fill: strokeOf(index).stroke, fillOpacity: 0.25 }),
          Plot.lineY(data, { x: 'step', y: 'value', fy: 'run', strokeWidth: 1.4, ...strokeOf(index) }),
        ]),
        Plot.text(
          drawn.map(({ label, index }) => ({ label, run: index })),
          {
            fy: 'run',
            text: 'label',
            frameAnchor: 'top-right',
            fontSize: 11,
            fill: 'currentColor',
            stroke: 'var(--panel)',
            strokeWidth: 4,
            dy: -4,
          },
        ),
      ],
    },
    describeCurves(title, drawn),
  );
  return figure({ id, title, note, plot, table: curveTable(drawn) });
}
