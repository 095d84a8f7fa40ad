import type { PlaneEmbedding } from '@contrastive/evaluate';

/** One encoder's map. */
export interface Panel {
  readonly title: string;
  readonly embedding: PlaneEmbedding;
}

/** Side of a panel and the space between, in pixels; nine inches at 96 would fill a screen. */
const SIDE = 480;
const GAP = 24;
const LINE = 17;
const CHARACTERS = 72;

/** Maps of the same images side by side as one SVG: a hue for each class, no axes (their units mean nothing), captions, legend below. */
export function planeSvg(
  panels: readonly Panel[],
  labels: ArrayLike<number> | undefined,
  classNames: readonly string[],
) {
  const width = panels.length * (SIDE + GAP) + GAP;
  const captions = panels.map(({ embedding }) => wrapped(embedding.caption, CHARACTERS));
  const below = GAP + LINE + SIDE + LINE * (Math.max(...captions.map((lines) => lines.length)) + 1);
  const legend = labels === undefined ? [] : legendOf(classNames, width - 2 * GAP, below + LINE);
  const height = below + GAP + LINE * (legend.at(-1)?.row ?? 0) + LINE;
  const parts = panels.map(({ title, embedding }, p) => {
    const left = GAP + p * (SIDE + GAP);
    const top = GAP + LINE;
    return [
      text(left, GAP, title, 'font-weight="600"'),
      `<rect x="${left}" y="${top}" width="${SIDE}" height="${SIDE}" fill="none" stroke="#999"/>`,
      `<g fill-opacity="0.45">${dots(embedding.points, left, top, labels, classNames.length)}</g>`,
      ...captions[p]!.map((line, i) => text(left, top + SIDE + LINE * (i + 1), line)),
    ].join('\n');
  });
  const keys = legend.map(
    ({ x, y, name, label }) =>
      `<circle cx="${x}" cy="${y - 4}" r="5" fill="${hue(label, classNames.length)}"/>${text(x + 10, y, name)}`,
  );
  const title = panels.map((panel) => panel.title).join(', ');
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12" role="img" aria-label="${escaped(title)}">
<rect width="100%" height="100%" fill="#fff"/>
${[...parts, ...keys].join('\n')}
</svg>
`;
}

function dots(
  points: Float32Array,
  left: number,
  top: number,
  labels: ArrayLike<number> | undefined,
  classes: number,
): string {
  const [x, y] = [0, 1].map((axis) => points.filter((_, i) => i % 2 === axis)) as [Float32Array, Float32Array];
  const ends = (values: Float32Array) => [
    values.reduce((a, b) => Math.min(a, b)),
    values.reduce((a, b) => Math.max(a, b)),
  ];
  const [[x0, x1], [y0, y1]] = [ends(x), ends(y)] as [[number, number], [number, number]];
  // One scale for both axes: a stretched map would change which points look near.
  const scale = (SIDE - 20) / (Math.max(x1 - x0, y1 - y0) || 1);
  const at = (value: number, low: number, high: number) => (SIDE / 2 + (value - (low + high) / 2) * scale).toFixed(1);
  return Array.from(x, (value, i) => {
    const [cx, cy] = [at(value, x0, x1), at(y[i]!, y0, y1)];
    const colour = labels === undefined ? '#333' : hue(labels[i]!, classes);
    return `<circle cx="${(left + Number(cx)).toFixed(1)}" cy="${(top + Number(cy)).toFixed(1)}" r="2.5" fill="${colour}"/>`;
  }).join('');
}

/** Hues evenly around the circle. */
const hue = (label: number, classes: number): string =>
  label < 0 ? '#333' : `hsl(${Math.round((360 * label) / Math.max(1, classes))} 65% 45%)`;

function legendOf(names: readonly string[], width: number, top: number) {
  let [x, row] = [0, 0];
  return names.map((name, label) => {
    const wide = 30 + 7 * name.length;
    if (x > 0 && x + wide > width) {
      x = 0;
      row++;
    }
    const place = { x: GAP + 6 + x, y: top + row * LINE, name, label, row };
    x += wide;
    return place;
  });
}

function wrapped(sentence: string, most: number): string[] {
  const lines: string[] = [];
  for (const word of sentence.split(' ')) {
    const last = lines.at(-1);
    if (last === undefined || last.length + 1 + word.length > most) lines.push(word);
    else lines[lines.length - 1] = `${last} ${word}`;
  }
  return lines;
}

const text = (x: number, y: number, content: string, more = ''): string =>
  `<text x="${x}" y="${y}" ${more}>${escaped(content)}</text>`;

const escaped = (content: string): string =>
  content.replace(/[&<>"]/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;' })[c] ?? '&quot;');
