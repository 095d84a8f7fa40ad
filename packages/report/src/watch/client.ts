/**
 * The live page's script: listens for events and puts new panels in place of old ones, keeping what the reader opened and where the
 * keyboard was. Text, since it runs in the browser as it stands.
 */
export const CLIENT = `
const status = document.getElementById('status');
let source;
let lost = false;
let busy = false;
let missed = false;

async function load() {
  if (busy) { missed = true; return; }
  busy = true;
  try {
    const answer = await fetch(document.body.dataset.panels);
    if (!answer.ok) throw new Error(String(answer.status));
    show(new DOMParser().parseFromString(await answer.text(), 'text/html'));
    status.textContent = 'Live. Last change at ' + new Date().toLocaleTimeString() + '.';
  } catch (error) {
    status.textContent = 'The panels could not be loaded (' + error.message + ').';
  } finally {
    busy = false;
    if (missed) { missed = false; load(); }
  }
}

function show(page) {
  const old = document.getElementById('content');
  const sections = [...page.querySelectorAll('section')];
  const wanted = new Set(sections.map((section) => section.id));
  for (const section of sections) {
    const present = document.getElementById(section.id);
    if (present === null) { old.append(section); continue; }
    for (const details of section.querySelectorAll('details')) {
      const before = document.getElementById(details.id);
      if (before !== null) details.open = before.open;
    }
    if (present.isEqualNode(section)) continue;
    const focused = present.contains(document.activeElement) ? document.activeElement : null;
    const owner = focused && focused.closest('[id]');
    const place = owner && [...owner.querySelectorAll('summary, a, [tabindex]')].indexOf(focused);
    present.replaceWith(section);
    if (owner) {
      const next = document.getElementById(owner.id);
      const target = next && (place < 0 ? next : next.querySelectorAll('summary, a, [tabindex]')[place]);
      if (target) target.focus({ preventScroll: true });
    }
  }
  for (const present of [...old.querySelectorAll(':scope > section')]) {
    if (!wanted.has(present.id)) present.remove();
  }
}

function connect() {
  source = new EventSource(document.body.dataset.events);
  source.addEventListener('change', load);
  source.addEventListener('open', () => {
    status.textContent = 'Live.';
    if (lost) load(); // what happened meanwhile was not told
    lost = false;
  });
  source.addEventListener('error', () => {
    lost = true;
    status.textContent = 'The connection was lost; trying again.';
    // A browser tries again by itself, but not after an answer that was no stream.
    if (source.readyState === EventSource.CLOSED) setTimeout(connect, 2000);
  });
}

connect();
addEventListener('pagehide', () => source.close());
addEventListener('pageshow', (event) => { if (event.persisted) { lost = true; source.close(); connect(); } });
`;
