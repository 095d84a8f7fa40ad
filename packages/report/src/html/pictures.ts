import { type PlaneMap, scatter } from '../plots/scatter.js';
import { html, type Markup } from './html.js';
import { type Picture, pngUri } from './png.js';
import type { Section } from './sections.js';

/** An image that is like the query, by cosine of the encoder's features. */
export interface Neighbour {
  readonly image: Picture;
  readonly label?: string | undefined;
  readonly similarity: number;
}

/** What the images of a run show; needs its data and its encoder. */
export interface RunPictures {
  /** Two views of one image, as training saw them. */
  readonly viewPairs: readonly (readonly [Picture, Picture])[];
  readonly queries: readonly {
    readonly image: Picture;
    readonly label?: string | undefined;
    readonly neighbours: readonly Neighbour[];
  }[];
  readonly map?: PlaneMap | undefined;
}

/** Sections of pictures of one run. @param index its place among the runs, for unique ids. */
export function pictureSections(
  run: string,
  { viewPairs, queries, map }: RunPictures,
  index: number,
): readonly Section[] {
  return [
    ...(viewPairs.length === 0
      ? []
      : [{ id: `views-${index}`, title: `Pairs of views, ${run}`, body: pairs(viewPairs) }]),
    ...(queries.length === 0
      ? []
      : [{ id: `neighbours-${index}`, title: `Nearest neighbours, ${run}`, body: neighbours(queries) }]),
    ...(map === undefined
      ? []
      : [
          {
            id: `map-${index}`,
            title: `Map of the images, ${run}`,
            body: html`<div class="grid">${scatter(map, { id: `umap-${index}`, title: `UMAP, ${run}` })}</div>`,
          },
        ]),
  ];
}

const pairs = (list: RunPictures['viewPairs']): Markup => html`
<p class="note">Two random views of one image each, as the loss compared them.</p>
<ul class="pictures">${list.map(
  (pair, i) =>
    html`<li>${pair.map((view, v) => html`<img alt="image ${i + 1}, view ${v + 1}" src="${pngUri(view)}" width="${view.width}" height="${view.height}">`)}</li>`,
)}</ul>`;

const neighbours = (queries: RunPictures['queries']): Markup => html`
<p class="note">First the query, then the images nearest to it by cosine of the encoder’s features. A solid frame: same class; a dashed one: another.</p>
<ul class="pictures neighbours">${queries.map(
  ({ image, label, neighbours: found }, q) =>
    html`<li>${picture(image, `query ${q + 1}${label === undefined ? '' : `, ${label}`}`, '')}<span>${label ?? ''} →</span>${found.map(
      (n) =>
        picture(
          n.image,
          `${n.label ?? 'neighbour'}, cosine ${n.similarity.toFixed(2)}`,
          n.label === undefined || label === undefined ? '' : n.label === label ? 'same' : 'other',
        ),
    )}</li>`,
)}</ul>`;

const picture = (image: Picture, alt: string, look: string): Markup =>
  html`<img class="${look}" alt="${alt}" title="${alt}" src="${pngUri(image)}" width="${image.width}" height="${image.height}">`;
