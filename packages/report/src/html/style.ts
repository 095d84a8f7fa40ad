/** The one style sheet of reports and of the live page: light and dark by the reader's preference, one column on a phone. */
export const STYLE = `
:root { color-scheme: light dark; --page: #ffffff; --panel: #f6f7f9; --text: #1b1f24; --soft: #4d5661; --line: #d5d9df; --link: #0b57c2;
  --good: #14672f; --bad: #a51d2d; --warn: #7a4b00;
  --run-1: #1f5fbf; --run-2: #c2410c; --run-3: #0f766e; --run-4: #a21caf; --run-5: #8a6100; --run-6: #b91c4b; --run-7: #4d7c0f; --run-8: #52525b;
  --class-1: #1f5fbf; --class-2: #c2410c; --class-3: #0f766e; --class-4: #a21caf; --class-5: #8a6100; --class-6: #e11d48; --class-7: #4d7c0f; --class-8: #52525b; --class-9: #0284c7; --class-10: #7c3aed; }
@media (prefers-color-scheme: dark) { :root { --page: #14171b; --panel: #1d2126; --text: #e8eaed; --soft: #b4bac2; --line: #3a4048; --link: #8ab8ff;
  --good: #7fd99a; --bad: #ff9aa5; --warn: #f2c063;
  --run-1: #7cb4ff; --run-2: #ff9d66; --run-3: #4fd1c0; --run-4: #e58cf0; --run-5: #e6b84a; --run-6: #ff8fab; --run-7: #a5d75c; --run-8: #b8b8c2;
  --class-1: #7cb4ff; --class-2: #ff9d66; --class-3: #4fd1c0; --class-4: #e58cf0; --class-5: #e6b84a; --class-6: #ff6b8f; --class-7: #a5d75c; --class-8: #b8b8c2; --class-9: #4cc3ff; --class-10: #b69cff; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--text); font: 16px/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
a { color: var(--link); }
a:focus-visible, summary:focus-visible, [tabindex]:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; }
.skip { position: absolute; left: -999px; } .skip:focus { left: 8px; top: 8px; background: var(--page); padding: 8px; z-index: 1; }
header, main, footer { max-width: 1320px; margin: 0 auto; padding: 12px 16px; }
h1 { font-size: 1.6rem; margin: 8px 0; } h2 { font-size: 1.25rem; margin: 28px 0 8px; border-bottom: 1px solid var(--line); padding-bottom: 4px; }
h3 { font-size: 1rem; margin: 0; }
p { margin: 4px 0; max-width: 75ch; }
nav ul { display: flex; flex-wrap: wrap; gap: 4px 16px; list-style: none; padding: 0; margin: 8px 0; }
.grid { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 380px), 1fr)); gap: 16px; align-items: start; }
.fours { grid-template-columns: repeat(auto-fill, minmax(min(100%, 290px), 1fr)); }
figure { margin: 0; padding: 12px; background: var(--panel); border: 1px solid var(--line); border-radius: 6px; min-width: 0; }
figcaption p { font-size: 0.875rem; color: var(--soft); }
.plot { display: block; width: 100%; height: auto; overflow: visible; font-size: 12px; }
.plot text { white-space: pre; }
.plot .y-grid { stroke-opacity: 0.15; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: 0.875rem; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: 3px 10px; border-bottom: 1px solid var(--line); white-space: nowrap; }
th:first-child, td:first-child, .text td, .text th { text-align: left; } .text td { white-space: normal; vertical-align: top; }
summary { cursor: pointer; color: var(--link); font-size: 0.875rem; padding: 4px 0; }
pre { overflow-x: auto; background: var(--panel); padding: 12px; border: 1px solid var(--line); border-radius: 6px; font-size: 0.8125rem; margin: 4px 0; }
.verdicts { list-style: none; padding: 0; display: grid; gap: 8px; }
.verdicts li { background: var(--panel); border: 1px solid var(--line); border-left: 6px solid var(--soft); border-radius: 6px; padding: 8px 12px; }
.verdicts .good { border-left-color: var(--good); } .verdicts .bad { border-left-color: var(--bad); } .verdicts .warn { border-left-color: var(--warn); }
.good b { color: var(--good); } .bad b { color: var(--bad); } .warn b { color: var(--warn); }
.rule { color: var(--soft); font-size: 0.875rem; }
.legend { display: flex; flex-wrap: wrap; gap: 2px 14px; list-style: none; padding: 0; margin: 8px 0; font-size: 0.875rem; }
.swatch { width: 28px; height: 10px; margin-right: 6px; vertical-align: middle; } .legend circle { stroke: none; } svg.swatch[viewBox="0 0 10 10"] { width: 10px; }
.pictures { display: flex; flex-wrap: wrap; gap: 10px; list-style: none; padding: 0; margin: 8px 0; }
.pictures img { width: 56px; height: 56px; image-rendering: pixelated; display: inline-block; border: 2px solid transparent; vertical-align: top; }
.pictures img.same { border-color: var(--good); } .pictures img.other { border-color: var(--bad); border-style: dashed; }
.pictures li { font-size: 0.75rem; color: var(--soft); } .neighbours li { width: 100%; display: flex; align-items: center; gap: 6px; flex-wrap: wrap; }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.note { color: var(--soft); font-size: 0.875rem; }
@media print { .skip, nav { display: none; } figure { break-inside: avoid; } }
@media (prefers-reduced-motion: no-preference) { html { scroll-behavior: smooth; } }
`;
