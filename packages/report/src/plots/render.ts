import * as Plot from '@observablehq/plot';
import { parseHTML } from 'linkedom';
import { Markup } from '../html/html.js';

export const WIDTH = 400;
export const HEIGHT = 240;

/**
 * Draws a plot to SVG markup, without a browser. Colours come from the page (`currentColor`, `var(--run-1)`, …), so that it follows the
 * reader's theme; there are no style elements or attributes, so that a strict content policy can forbid them.
 */
export function render(options: Plot.PlotOptions, label: string): Markup {
  const { document } = parseHTML('<!doctype html><html><body></body></html>');
  const svg = Plot.plot({
    width: WIDTH,
    height: HEIGHT,
    marginLeft: 52,
    marginBottom: 42,
    className: 'plot',
    ariaLabel: label,
    ...options,
    document: document as unknown as Document,
  });
  svg.querySelector('style')?.remove();
  // Plot names its groups for screen readers, which a picture with one description does not need; styles use the names.
  for (const part of Array.from(svg.querySelectorAll('[aria-label]'))) {
    part.setAttribute('class', part.getAttribute('aria-label')!.replaceAll(' ', '-'));
    part.removeAttribute('aria-label');
  }
  svg.setAttribute('role', 'img');
  return new Markup(String((svg as unknown as { outerHTML: string }).outerHTML));
}

/** A tick in few characters: 0.99, not 0.990000; 2e-5, not 0.000020. */
export function tick(value: number): string {
  const rounded = Number(value.toPrecision(6));
  const isPlain = rounded === 0 || (Math.abs(rounded) >= 1e-3 && Math.abs(rounded) < 1e5);
  return (isPlain ? String(rounded) : rounded.toExponential().replace('e+', 'e')).replace('-', '−');
}

/** A position in the list of compared runs as colour and dashes: told apart by either. */
export const strokeOf = (index: number) => ({
  stroke: `var(--run-${(index % 8) + 1})`,
  strokeDasharray: DASHES[index % 8]!,
});
const DASHES = ['none', '6 3', '2 2', '8 3 2 3', '1 3', '10 3', '4 2 1 2', '3 5'];
