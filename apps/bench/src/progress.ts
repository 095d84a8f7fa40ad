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

/** One line of at most `columns` characters: the bar shrinks away first, then what is on the right. */
export function progressLine(p: Progress, columns: number): string {
  const filled = Math.round((BAR * p.step) / Math.max(1, p.steps));
  const bar = `[${'#'.repeat(filled)}${'-'.repeat(BAR - filled)}] `;
  const parts = [
    `epoch ${p.epoch}/${p.epochs}`,
    `${p.step}/${p.steps}`,
    `loss ${p.loss.toFixed(4)}`,
    `lr ${p.learningRate.toPrecision(3)}`,
    `${p.imagesPerSecond.toFixed(0)} img/s`,
    `wait ${(100 * p.dataWait).toFixed(0)} %`,
    `${duration(p.secondsLeft)} left`,
  ];
  const text = parts.join('  ');
  if (bar.length + text.length <= columns) return bar + text;
  let kept = parts;
  while (kept.join('  ').length > columns && kept.length > 1) kept = kept.slice(0, -1);
  return kept.join('  ').slice(0, columns);
}

/** Where progress goes: a terminal gets one line that is written over, anything else a plain line per epoch. */
export interface ProgressOutput {
  update(progress: Progress): void;
  /** The epoch is over: leaves a line that stays. */
  epoch(progress: Progress, note: string): void;
  /** A line of its own, for messages. */
  message(text: string): void;
  end(): void;
}

/** @param stream usually `process.stderr`, so that results on standard output stay clean. */
export function createProgress(stream: NodeJS.WriteStream): ProgressOutput {
  const terminal = stream.isTTY === true;
  const columns = () => Math.max(20, (stream.columns ?? 80) - 1);
  let last = 0;
  let open = false;
  const clear = () => {
    if (open) stream.write('\r\x1b[K');
    open = false;
  };
  const line = (text: string) => {
    clear();
    stream.write(`${text}\n`);
  };
  return {
    update: (progress) => {
      if (!terminal || Date.now() - last < 100) return;
      last = Date.now();
      stream.write(`\r\x1b[K${progressLine(progress, columns())}`);
      open = true;
    },
    epoch: (progress, note) => line(`${progressLine(progress, 1000).replace(/^\[.*?\] /, '')}${note}`),
    message: line,
    end: clear,
  };
}
