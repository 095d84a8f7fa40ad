import { appendFileSync, existsSync } from 'node:fs';
import { join } from 'node:path';

/** What a worker says, in `worker-R.log` of the run folder once the run has done a step: a run that fails before leaves no folder. */
export class WorkerLog {
  readonly #path: string;
  #waiting = '';
  /** The last line so far. */
  lastLine = '';

  constructor(
    readonly folder: string,
    rank: number,
  ) {
    this.#path = join(folder, `worker-${rank}.log`);
  }

  add(text: string): void {
    this.#waiting += text;
    this.lastLine = text.split('\n').findLast((line) => line.trim() !== '') ?? this.lastLine;
    this.flush();
  }

  flush(): void {
    if (this.#waiting === '' || !existsSync(join(this.folder, 'metrics.jsonl'))) return;
    try {
      appendFileSync(this.#path, this.#waiting);
    } catch {
      // A log is no reason to end a run; a full disk is met by the next checkpoint.
    }
    this.#waiting = '';
  }
}
