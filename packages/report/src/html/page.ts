import { createHash } from 'node:crypto';
import { ReportError } from '../errors.js';
import type { Run } from '../run/run-reader.js';
import { html, type Markup } from './html.js';
import { pictureSections, type RunPictures } from './pictures.js';
import { type Section, sectionsOf } from './sections.js';
import { STYLE } from './style.js';

/** Runs that can be compared on one page: there are eight colours. */
export const MOST_RUNS = 8;

export interface ReportOptions {
  readonly title?: string;
  /** Pictures of a run, by its path. */
  readonly pictures?: ReadonlyMap<string, RunPictures>;
  /** When it was made; default now. */
  readonly date?: Date;
}

/**
 * One self-contained HTML file about one run, or two to eight side by side. No network, no scripts: its content policy forbids both.
 *
 * @throws ReportError `USAGE` for no run or more than eight.
 */
export function renderReport(runs: readonly Run[], options: ReportOptions = {}): string {
  if (runs.length === 0 || runs.length > MOST_RUNS) {
    throw new ReportError('USAGE', `A report shows 1 to ${MOST_RUNS} runs, but ${runs.length} were given.`, {
      hint: 'Name fewer runs.',
    });
  }
  const { title = runs.map(({ name }) => name).join(', '), pictures = new Map(), date = new Date() } = options;
  const ofPictures = runs.flatMap((run, i) => {
    const found = pictures.get(run.path);
    return found === undefined ? [] : pictureSections(run.name, found, i);
  });
  const sections = sectionsOf(runs, ofPictures);
  const hash = createHash('sha256').update(STYLE).digest('base64');
  const policy = `default-src 'none'; style-src 'sha256-${hash}'; img-src data:; base-uri 'none'; form-action 'none'`;
  return page({
    title,
    head: html`<meta http-equiv="Content-Security-Policy" content="${policy}"><style>${raw(STYLE)}</style>`,
    body: html`${header(title, sections)}<main id="content">${sections.map(sectionMarkup)}</main>
<footer><p class="note">Made ${date.toISOString().slice(0, 16).replace('T', ' ')} UTC by contrastive report.</p></footer>`,
  });
}

const raw = (text: string): Markup => html([text] as unknown as TemplateStringsArray);

export const sectionMarkup = ({ id, title, body }: Section): Markup =>
  html`<section id="${id}" aria-labelledby="${id}-heading"><h2 id="${id}-heading">${title}</h2>${body}</section>\n`;

/** @param above a line over the title. */
export const header = (title: string, sections: readonly Section[], above?: Markup): Markup => html`
<a class="skip" href="#content">Skip to the content</a>
<header>${above}<h1>${title}</h1><nav aria-label="Sections"><ul>${sections.map(
  ({ id, title: name }) => html`<li><a href="#${id}">${name}</a></li>`,
)}</ul></nav></header>`;

/** A whole document. */
export const page = ({ title, head, body }: { title: string; head: Markup; body: Markup }): string =>
  html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>${head}</head>
<body>${body}</body></html>
`.text;
