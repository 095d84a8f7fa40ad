import { html, type Insertable, type Markup } from '../html/html.js';
import { shortNumber } from '../run/describe.js';
import type { Point } from '../run/series.js';
import { strokeOf } from './render.js';

/** One curve. */
export interface Curve {
  readonly label: string;
  /** Place in the list of runs: colour and dashes. */
  readonly index: number;
  readonly points: readonly Point[];
  /** Drawn thin and pale: what another curve of the same run is compared with. */
  readonly isFaint?: boolean;
}

export interface Figure {
  /** Unique in a page; letters, digits and dashes. */
  readonly id: string;
  readonly title: string;
  readonly note?: Insertable;
  readonly plot: Markup;
  readonly table?: Markup | undefined;
}

/** A figure with its heading, its note and, for readers who cannot see it, its numbers as a table. */
export const figure = ({ id, title, note, plot, table }: Figure): Markup => html`
<figure id="${id}" aria-labelledby="${id}-title">
<figcaption><h3 id="${id}-title">${title}</h3>${note === undefined ? undefined : html`<p>${note}</p>`}</figcaption>
${plot}
${
  table === undefined
    ? undefined
    : html`<details id="${id}-numbers"><summary>Numbers<span class="unseen"> of ${title}</span></summary>
<div class="scroll" tabindex="0" role="region" aria-label="Numbers of ${title}">${table}</div></details>`
}
</figure>`;

const TABLE_ROWS = 12;

/** Curves as a table of at most twelve steps. */
export function curveTable(curves: readonly Curve[]): Markup {
  const columns = curves.map(({ points }) => thin(points, TABLE_ROWS));
  const rows = Math.max(0, ...columns.map((points) => points.length));
  return html`<table><thead><tr>${curves.map(
    ({ label }) => html`<th scope="col">step</th><th scope="col">${label}</th>`,
  )}</tr></thead><tbody>${Array.from(
    { length: rows },
    (_, i) =>
      html`<tr>${columns.map((points) => {
        const point = points[i];
        return html`<td>${point === undefined ? '' : Math.round(point.step)}</td><td>${point === undefined ? '' : shortNumber(point.values[0])}</td>`;
      })}</tr>`,
  )}</tbody></table>`;
}

/** At most `count` of a list, evenly spread, the last always. */
export function thin<T>(list: readonly T[], count: number): readonly T[] {
  if (list.length <= count) return list;
  return Array.from({ length: count }, (_, i) => list[Math.round((i * (list.length - 1)) / (count - 1))]!);
}

/** One sentence on each curve, what a screen reader says of the plot. */
export const describeCurves = (title: string, curves: readonly Curve[]): string =>
  `${title}. ${curves
    .filter(({ points }) => points.length > 0)
    .map(({ label, points }) => {
      const values = points.map(({ values: [v] }) => v!);
      const [first, last] = [values[0]!, values.at(-1)!];
      const [low, high] = [Math.min(...values), Math.max(...values)].map(shortNumber);
      return `${label}: from ${shortNumber(first)} to ${shortNumber(last)}, between ${low} and ${high}.`;
    })
    .join(' ')}`;

/** Opacity of faint curves. */
export const FAINT = 0.6;

/** Colour and dashes of a curve, for legends. */
export const swatch = (index: number, isFaint = false): Markup => {
  const { stroke, strokeDasharray } = strokeOf(index);
  const [width, opacity] = isFaint ? [1.5, FAINT] : [3, 1];
  return html`<svg class="swatch" viewBox="0 0 28 10" aria-hidden="true"><path d="M0 5H28" stroke="${stroke}" stroke-width="${width}" stroke-opacity="${opacity}" stroke-dasharray="${strokeDasharray}"/></svg>`;
};

/** Names of the curves, where there are several. */
export const legend = (curves: readonly Curve[]): Markup | undefined =>
  curves.length < 2
    ? undefined
    : html`<ul class="legend">${curves.map(({ label, index, isFaint }) => html`<li>${swatch(index, isFaint)}${label}</li>`)}</ul>`;
