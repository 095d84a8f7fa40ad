import { html, type Markup } from '../html/html.js';
import { header, page, sectionMarkup } from '../html/page.js';
import { type Section, sectionsOf } from '../html/sections.js';
import { partsOf, shortNumber } from '../run/describe.js';
import type { FoundRun } from '../run/find-runs.js';
import { briefOf, type RunBrief } from '../run/run-brief.js';
import type { Run } from '../run/run-reader.js';

const HEAD = html`<link rel="stylesheet" href="/style.css"><link rel="icon" href="data:,"><script src="/client.js" defer></script>`;

/** Where a run's page is. */
export const runPath = (name: string): string => `/runs/${encodeURIComponent(name)}`;

function livePage(title: string, path: string, sections: readonly Section[], above?: Markup): string {
  const content = html`${header(title, sections, above)}<main id="content">${sections.map(sectionMarkup)}</main>
<footer><p class="note" id="status" role="status">Connecting.</p></footer>`;
  const text = page({ title, head: HEAD, body: content });
  const data = html`<body data-events="${`${path}/events`}" data-panels="${`${path}/panels`}">`.text;
  return text.replace('<body>', () => data);
}

/** The page of one run. */
export const runPage = (run: Run, isOnly: boolean): string =>
  livePage(run.name, runPath(run.name), sectionsOf([run]), isOnly ? undefined : html`<p><a href="/">All runs</a></p>`);

/** The panels of a run's page, for its script. */
export const runPanels = (run: Run): string => html`${sectionsOf([run]).map(sectionMarkup)}`.text;

const listSections = (runs: readonly FoundRun[]): readonly Section[] => [
  { id: 'runs', title: `Runs (${runs.length})`, body: table(runs.map((run) => briefOf(run))) },
];

/** The page of all runs. */
export const listPage = (title: string, runs: readonly FoundRun[]): string =>
  livePage(title, '/list', listSections(runs));
export const listPanels = (runs: readonly FoundRun[]): string => html`${listSections(runs).map(sectionMarkup)}`.text;

const HEADS = ['run', 'state', 'host + methods', 'epoch', 'step', 'loss'];

const table = (briefs: readonly RunBrief[]): Markup =>
  briefs.length === 0
    ? html`<p>There are no runs yet.</p>`
    : html`<div class="scroll" tabindex="0" role="region" aria-label="Table of the runs"><table><thead><tr>${HEADS.map(
        (h) => html`<th scope="col">${h}</th>`,
      )}</tr></thead><tbody>${briefs.map(
        (brief) =>
          html`<tr><th scope="row"><a href="${runPath(brief.name)}">${brief.name}</a></th>${[
            brief.state,
            partsOf(brief),
            brief.epoch ?? '–',
            brief.step ?? '–',
            shortNumber(brief.loss),
          ].map((cell) => html`<td>${cell}</td>`)}</tr>`,
      )}</tbody></table></div>`;
