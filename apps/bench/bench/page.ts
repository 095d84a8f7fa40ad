import { existsSync, readFileSync } from 'node:fs';

/** A table of the page. */
export interface Section {
  readonly title: string;
  /** What the columns mean. */
  readonly note: string;
  readonly columns: readonly string[];
  /** The first cell names a row. */
  readonly rows: readonly (readonly string[])[];
}

const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;

/**
 * The page with these sections. Rows that are not measured anew stay as the file has them, so that a part can be run again; the order is
 * that of `names`.
 */
export function mergePage(file: string, head: string, sections: readonly Section[], names: readonly string[]): string {
  const known = existsSync(file) ? parsePage(readFileSync(file, 'utf8')) : new Map<string, Map<string, string>>();
  const parts = sections.map(({ title, note, columns, rows }) => {
    const lines = new Map(known.get(title)?.get('') === line(columns) ? known.get(title) : []);
    for (const row of rows) lines.set(row[0]!, line(row));
    lines.delete('');
    if (lines.size === 0) return '';
    const sorted = [...lines].sort(([a], [b]) => names.indexOf(a) - names.indexOf(b));
    const rule = `|${columns.map((_, i) => (i === 0 ? '---' : '--:')).join('|')}|`;
    return [`## ${title}`, '', note, '', line(columns), rule, ...sorted.map(([, text]) => text), ''].join('\n');
  });
  return [head, ...parts.filter((part) => part !== '')].join('\n');
}

/** Rows by section and first cell; the header's key is empty. Cells are trimmed, since formatters pad them. */
function parsePage(text: string): Map<string, Map<string, string>> {
  const sections = new Map<string, Map<string, string>>();
  let rows: Map<string, string> | undefined;
  for (const content of text.split('\n')) {
    if (content.startsWith('## ')) {
      rows = new Map();
      sections.set(content.slice(3), rows);
    } else if (content.startsWith('|') && rows !== undefined) {
      const cells = content
        .slice(1, -1)
        .split('|')
        .map((cell) => cell.trim());
      if (cells.every((cell) => /^:?-+:?$/.test(cell))) continue;
      rows.set(rows.size === 0 ? '' : cells[0]!, line(cells));
    }
  }
  return sections;
}
