import { type FoundRun, findRuns } from '../run/find-runs.js';
import { type Run, RunReader } from '../run/run-reader.js';

interface Shelf {
  readonly reader: RunReader;
  usedAt: number;
}

/** Readers kept; each is bounded, so all are. */
const MOST_OPEN = 16;

/** The runs below one folder. Only names that a search of the folder gives are ever opened: no request can name another path. */
export class Library {
  readonly #open = new Map<string, Shelf>();

  constructor(
    readonly root: string,
    private readonly now: () => number = Date.now,
  ) {}

  list(): FoundRun[] {
    return findRuns(this.root);
  }

  /** A run by its name in the list; undefined if there is none of that name. */
  read(name: string): Run | undefined {
    const found = this.list().find((run) => run.name === name);
    if (found === undefined) {
      this.#open.delete(name);
      return undefined;
    }
    const shelf = this.#open.get(name) ?? { reader: new RunReader(found.path, name), usedAt: 0 };
    shelf.usedAt = this.now();
    this.#open.set(name, shelf);
    if (this.#open.size > MOST_OPEN) this.#closeOldest();
    return shelf.reader.refresh();
  }

  #closeOldest(): void {
    const [oldest] = [...this.#open].sort(([, a], [, b]) => a.usedAt - b.usedAt);
    if (oldest !== undefined) this.#open.delete(oldest[0]);
  }
}
