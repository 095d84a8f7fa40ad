/** Markup that is safe to insert as it is. */
export class Markup {
  constructor(readonly text: string) {}
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** What HTML does not allow, and what turns the direction of the text around it. */
const UNFIT = /(?![\t\n\r])[\p{Cc}\p{Cs}\ufffe\uffff\u202a-\u202e\u2066-\u2069]/gu;

/** Text as it may stand between tags and in quoted attributes. */
export const escapeHtml = (text: string): string =>
  text.replace(/[&<>"']/g, (c) => ENTITIES[c]!).replace(UNFIT, '\ufffd');

export type Insertable = Markup | string | number | undefined | false | readonly Insertable[];

/**
 * Markup from a template: every inserted string is escaped, nested markup is not; lists are joined, `undefined` and `false` are left out.
 *
 * @example html`<p title="${name}">${rows.map((r) => html`<b>${r}</b>`)}</p>`
 */
export const html = (parts: TemplateStringsArray, ...values: readonly Insertable[]): Markup =>
  new Markup(parts.reduce((text, part, i) => text + part + (i < values.length ? insert(values[i]) : ''), ''));

function insert(value: Insertable): string {
  if (value === undefined || value === false) return '';
  if (value instanceof Markup) return value.text;
  if (Array.isArray(value)) return (value as readonly Insertable[]).map(insert).join('');
  return escapeHtml(String(value));
}
