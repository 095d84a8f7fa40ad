/** What a progress line shows. */
export interface Progress {
  readonly epoch: number;
  readonly epochs: number;
  /** Steps done in this epoch. */
  readonly step: number;
  readonly steps: number;
  readonly loss: number;
  readonly learningRate: number;
  readonly imagesPerSecond: number;
  /** Share of the time spent waiting for data, 0 to 1. */
  readonly dataWait: number;
  /** Seconds until the run ends, at the present speed. */
  readonly secondsLeft: number;
}

/** Seconds as a person reads them: 42 s, 3 min 10 s, 2 h 05 min. */
export function duration(seconds: number): string {
  if (!Number.isFinite(seconds)) return '?';
  const s = Math.round(seconds);
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${String(s % 60).padStart(2, '0')} s`;
  return `${Math.floor(s / 3600)} h ${String(Math.floor((s % 3600) / 60)).padStart(2, '0')} min`;
}

const BAR = 12;

/** With the order in which parts are left out where there is no room: last what a person waits for. */
const partsOf = (p: Progress): readonly { readonly text: string; readonly drop: number }[] => [
  { text: `epoch ${p.epoch}/${p.epochs}`, drop: 6 },
  { text: `${p.step}/${p.steps}`, drop: 3 },
  { text: `loss ${p.loss.toFixed(4)}`, drop: 5 },
  { text: `lr ${p.learningRate.toPrecision(3)}`, drop: 0 },
  { text: `${p.imagesPerSecond.toFixed(0)} img/s`, drop: 2 },
  { text: `wait ${(100 * p.dataWait).toFixed(0)} %`, drop: 1 },
  { text: `${duration(p.secondsLeft)} left`, drop: 4 },
];

/** One line of at most `columns` characters, by default as long as it gets. What does not fit goes, the least needed first. */
export function progressText(p: Progress, columns = Number.POSITIVE_INFINITY): string {
  const parts = partsOf(p);
  const textWithout = (dropped: number) =>
    parts
      .filter(({ drop }) => drop >= dropped)
      .map(({ text }) => text)
      .join('  ');
  let dropped = 0;
  while (textWithout(dropped).length > columns && dropped < parts.length - 1) dropped++;
  return textWithout(dropped).slice(0, columns);
}

/** As `progressText`, with a bar in front where all of it fits. */
export function progressLine(p: Progress, columns: number): string {
  const filled = Math.round((BAR * p.step) / Math.max(1, p.steps));
  const full = `[${'#'.repeat(filled)}${'-'.repeat(BAR - filled)}] ${progressText(p)}`;
  return full.length <= columns ? full : progressText(p, columns);
}

/** Where progress goes: a terminal gets one line that is written over, anything else plain lines now and then. No colours anywhere. */
export interface ProgressOutput {
  /** After each step: on a terminal ten times a second at most, elsewhere every half minute. */
  update(progress: Progress): void;
  /** The epoch is over: leaves a line that stays. */
  epoch(progress: Progress): void;
  /** A line of its own, for messages; control characters in it are escaped. */
  message(text: string): void;
  /** A passing state before training, for example how much of a cache is built; as often as `update`. */
  status(text: string): void;
  end(): void;
}

/** File names may hold line breaks and what else moves a cursor: shown as JavaScript writes them. */
const printable = (text: string): string => text.replace(/\p{Cc}/gu, (control) => JSON.stringify(control).slice(1, -1));

/** Milliseconds between two lines. */
const TERMINAL_EVERY = 100;
const PLAIN_EVERY = 30_000;

/**
 * @param stream usually `process.stderr`, so that results on standard output stay clean.
 * @param now a clock in milliseconds, for tests.
 */
export function createProgress(stream: NodeJS.WriteStream, now: () => number = Date.now): ProgressOutput {
  const terminal = stream.isTTY === true && process.env.TERM !== 'dumb';
  // A full last column makes some terminals wrap.
  const columns = () => (terminal ? Math.max(20, (stream.columns ?? 80) - 1) : Number.POSITIVE_INFINITY);
  let last = terminal ? Number.NEGATIVE_INFINITY : now();
  let open = false;
  const clear = () => {
    if (open) stream.write('\r\x1b[K');
    open = false;
  };
  const line = (text: string) => {
    clear();
    stream.write(`${printable(text)}\n`);
    last = terminal ? last : now();
  };
  const passing = (text: () => string) => {
    if (now() - last < (terminal ? TERMINAL_EVERY : PLAIN_EVERY)) return;
    last = now();
    if (!terminal) return line(text());
    stream.write(`\r\x1b[K${text().slice(0, columns())}`);
    open = true;
  };
  return {
    update: (progress) =>
      passing(() => (terminal ? progressLine(progress, columns()) : progressText(progress, columns()))),
    epoch: (progress) => line(progressText(progress, columns())),
    message: line,
    status: (text) => passing(() => text),
    end: clear,
  };
}
