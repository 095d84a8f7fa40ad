import * as Plot from '@observablehq/plot';
import { html, type Markup } from '../html/html.js';
import { pngUri } from '../html/png.js';
import { shortNumber } from '../run/describe.js';
import type { Point } from '../run/series.js';
import { figure, thin } from './figure.js';
import { HEIGHT, render, WIDTH } from './render.js';

export interface HeatmapOptions {
  readonly id: string;
  readonly title: string;
  /** Range of the histogram's bins. */
  readonly range: readonly [number, number];
  /** Red, green, blue of full density. */
  readonly colour: readonly [number, number, number];
}

const MARGIN = { marginLeft: 52, marginRight: 20, marginTop: 20, marginBottom: 42 };

/**
 * Histograms over the steps: a column a record, opacity by the root of the share of scores in the bin (a root, so that thin tails show).
 * Bins that are empty all the time are cut off at both ends.
 */
export function heatmap(records: readonly Point[], { id, title, range, colour }: HeatmapOptions): Markup | undefined {
  const used = records.filter(({ values }) => values.some((v) => v > 0));
  if (used.length === 0) return undefined;
  const bins = used[0]!.values.length;
  const width = (range[1] - range[0]) / bins;
  const isFull = Array.from({ length: bins }, (_, b) => used.some(({ values }) => values[b]! > 0));
  const first = Math.max(0, isFull.indexOf(true) - 1);
  const end = Math.min(bins, isFull.lastIndexOf(true) + 2);
  const [low, high] = [range[0] + first * width, range[0] + end * width];
  const steps = [used[0]!.step, used.at(-1)!.step] as const;
  const uri = pngUri(image(used, first, end, colour));
  const plot = render(
    {
      ...MARGIN,
      x: { label: 'step', labelOffset: 38, domain: steps[0] === steps[1] ? [0, steps[1]] : steps, ticks: 5 },
      y: { label: 'score', domain: [low, high], ticks: 5 },
      marks: [
        Plot.image([0], {
          frameAnchor: 'middle',
          src: () => uri,
          width: WIDTH - MARGIN.marginLeft - MARGIN.marginRight,
          height: HEIGHT - MARGIN.marginTop - MARGIN.marginBottom,
          preserveAspectRatio: 'none',
          imageRendering: 'pixelated',
        }),
        Plot.frame({ strokeOpacity: 0.3 }),
      ],
    },
    `${title}: a heat map of ${used.length} histograms. ${describe(used.at(-1)!, range)}`,
  );
  return figure({ id, title, plot, table: table(used, range) });
}

function image(records: readonly Point[], first: number, end: number, [r, g, b]: HeatmapOptions['colour']) {
  const [width, height] = [records.length, end - first];
  const shares = records.map(({ values }) => {
    const total = values.reduce((sum, v) => sum + v, 0);
    return values.map((v) => v / total);
  });
  const most = Math.max(...shares.flat());
  const data = new Uint8Array(width * height * 4);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const share = shares[x]![end - 1 - y]!;
      data.set([r, g, b, Math.round(255 * Math.sqrt(share / most))], 4 * (y * width + x));
    }
  }
  return { width, height, data };
}

/** Mean and the 5 % and 95 % places of a histogram. */
function places({ values }: Point, [low, high]: readonly [number, number]) {
  const width = (high - low) / values.length;
  const total = values.reduce((sum, v) => sum + v, 0);
  const centre = (bin: number) => low + (bin + 0.5) * width;
  const at = (share: number) => {
    let [bin, sum] = [0, values[0]!];
    while (sum < share * total && bin < values.length - 1) sum += values[++bin]!;
    return centre(bin);
  };
  const mean = values.reduce((sum, v, bin) => sum + v * centre(bin), 0) / total;
  return { mean, low: at(0.05), middle: at(0.5), high: at(0.95) };
}

function describe(last: Point, range: readonly [number, number]): string {
  const { mean, low, high } = places(last, range);
  return `In the last one the mean is ${shortNumber(mean)}, and nine tenths of the scores lie between ${shortNumber(low)} and ${shortNumber(high)}.`;
}

const table = (records: readonly Point[], range: readonly [number, number]): Markup => html`
<table><thead><tr>${['step', '5 %', 'median', 'mean', '95 %'].map((t) => html`<th scope="col">${t}</th>`)}</tr></thead>
<tbody>${thin(records, 12).map((record) => {
  const { mean, low, middle, high } = places(record, range);
  const cells = [low, middle, mean, high].map((v) => html`<td>${shortNumber(v)}</td>`);
  return html`<tr><td>${Math.round(record.step)}</td>${cells}</tr>`;
})}</tbody></table>`;
