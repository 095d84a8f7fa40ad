import type { Comparison, Term } from './comparison.js';
import { SslError } from './errors.js';
import type { TermOutline, TermOutlines } from './plugin.js';

/**
 * The same terms with every comparison of the named ones passed through `change`; all other terms are returned untouched.
 *
 * @param owner who is speaking, for messages.
 * @throws SslError `INCOMPATIBLE` if a named term does not exist.
 */
export function mapComparisons(
  owner: string,
  terms: readonly Term[],
  names: readonly string[],
  change: (comparison: Comparison, term: Term) => Comparison,
): readonly Term[] {
  for (const name of names) termOf(owner, terms, name);
  return terms.map((term) =>
    names.includes(term.name) ? { ...term, comparisons: term.comparisons.map((c) => change(c, term)) } : term,
  );
}

/** The term called `name`. @throws SslError `INCOMPATIBLE` that lists the terms there are. */
export const termOf = (owner: string, terms: readonly Term[], name: string): Term =>
  terms.find((t) => t.name === name) ??
  noTerm(
    owner,
    name,
    terms.map((t) => t.name),
  );

/** What is known of the term called `name`, for `outline` hooks. @throws SslError `INCOMPATIBLE` that lists the terms there are. */
export const outlineOf = (owner: string, terms: TermOutlines, name: string): TermOutline =>
  terms[name] ?? noTerm(owner, name, Object.keys(terms));

function noTerm(owner: string, name: string, known: readonly string[]): never {
  throw new SslError(
    'INCOMPATIBLE',
    `[${owner}] there is no loss term called ${name}; there are: ${known.join(', ') || 'none'}.`,
    { hint: 'Name terms of the host, or of plug-ins that stand earlier in the list.' },
  );
}
