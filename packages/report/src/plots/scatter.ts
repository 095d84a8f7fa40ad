import * as Plot from '@observablehq/plot';
import { html, type Markup } from '../html/html.js';
import { figure } from './figure.js';
import { render } from './render.js';

/** Images in the plane, for example by UMAP. */
export interface PlaneMap {
  /** [n, 2]. */
  readonly points: Float32Array;
  /** Class of each, −1 where unknown; undefined without labels. */
  readonly labels?: ArrayLike<number> | undefined;
  readonly classNames?: readonly string[] | undefined;
  /** Settings, and what the picture does not show. */
  readonly caption: string;
}

const SYMBOLS = ['circle', 'square', 'triangle', 'diamond', 'cross', 'star', 'wye', 'plus'] as const;
const colourOf = (label: number): string => (label < 0 ? 'currentColor' : `var(--class-${(label % 10) + 1})`);

/** Points coloured by class, where known; more than ten classes share colours and differ in shape. */
export function scatter(map: PlaneMap, { id, title }: { readonly id: string; readonly title: string }): Markup {
  const { points, labels, classNames = [], caption } = map;
  const data = Array.from({ length: points.length / 2 }, (_, i) => ({
    x: points[2 * i]!,
    y: points[2 * i + 1]!,
    label: labels?.[i] ?? -1,
  }));
  const plot = render(
    {
      height: 400,
      margin: 10,
      marginLeft: 10,
      marginBottom: 10,
      axis: null,
      symbol: { type: 'identity' } as Plot.ScaleOptions,
      marks: [
        Plot.frame({ strokeOpacity: 0.3 }),
        Plot.dot(data, {
          x: 'x',
          y: 'y',
          r: 2.2,
          fillOpacity: 0.7,
          fill: (d: { label: number }) => colourOf(d.label),
          symbol: (d: { label: number }) => SYMBOLS[Math.max(0, Math.floor(d.label / 10)) % SYMBOLS.length]!,
        }),
      ],
      color: { type: 'identity' },
    },
    `${title}: ${data.length} images as points${labels === undefined ? '' : `, coloured by ${classNames.length} classes`}.`,
  );
  const legend = html`<ul class="legend">${classNames
    .slice(0, 20)
    .map(
      (name, i) =>
        html`<li><svg class="swatch" viewBox="0 0 10 10" aria-hidden="true"><circle cx="5" cy="5" r="5" fill="${colourOf(i)}"/></svg>${name}</li>`,
    )}</ul>`;
  return figure({ id, title, note: caption, plot: labels === undefined ? plot : html`${plot}${legend}` });
}
