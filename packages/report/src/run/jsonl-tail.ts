import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

const CHUNK = 1 << 20;
/** A longer line is damage, not a record. */
const LONGEST_LINE = 4 << 20;
/** Bytes before the place read up to that must be unchanged. */
const SEAL = 64;

/**
 * Reads a growing file of JSON lines, each line once. A file that was cut back or replaced (a resumed run does that) is noticed and read
 * anew; half a line at the end waits for its other half.
 */
export class JsonlTail {
  #offset = 0;
  #rest = Buffer.alloc(0);
  #seal = Buffer.alloc(0);
  /** Lines that were no JSON objects. */
  damaged = 0;

  constructor(
    readonly path: string,
    private readonly onRecord: (record: Readonly<Record<string, unknown>>) => void,
    /** What was read before no longer holds. */
    private readonly onRestart: () => void,
  ) {}

  /** Reads what is new. @returns true if there was anything. */
  read(): boolean {
    let file: number;
    try {
      file = openSync(this.path, 'r');
    } catch {
      return false; // not there yet
    }
    try {
      const wasCut = fstatSync(file).size < this.#offset || !this.#isSameFile(file);
      if (wasCut) this.#restart();
      let any = wasCut;
      const chunk = Buffer.alloc(CHUNK);
      for (let got = readSync(file, chunk, 0, CHUNK, this.#offset); got > 0; ) {
        any = true;
        this.#take(chunk.subarray(0, got));
        got = readSync(file, chunk, 0, CHUNK, this.#offset);
      }
      return any;
    } catch {
      return false; // a folder of that name, or a disk that fails
    } finally {
      closeSync(file);
    }
  }

  #isSameFile(file: number): boolean {
    const now = Buffer.alloc(this.#seal.length);
    readSync(file, now, 0, now.length, this.#offset - now.length);
    return now.equals(this.#seal);
  }

  #restart(): void {
    this.#offset = 0;
    this.#rest = Buffer.alloc(0);
    this.#seal = Buffer.alloc(0);
    this.damaged = 0;
    this.onRestart();
  }

  #take(bytes: Buffer): void {
    this.#offset += bytes.length;
    this.#seal = Buffer.from(Buffer.concat([this.#seal, bytes.subarray(-SEAL)]).subarray(-SEAL));
    const text = Buffer.concat([this.#rest, bytes]);
    let start = 0;
    for (let end = text.indexOf(10); end !== -1; end = text.indexOf(10, start)) {
      this.#line(text.toString('utf8', start, end));
      start = end + 1;
    }
    const rest = text.subarray(start);
    this.#rest = Buffer.from(rest.length > LONGEST_LINE ? rest.subarray(0, 1) : rest);
  }

  #line(line: string): void {
    if (line.trim() === '') return;
    try {
      const record: unknown = JSON.parse(line);
      if (typeof record === 'object' && record !== null && !Array.isArray(record)) {
        this.onRecord(record as Record<string, unknown>);
        return;
      }
    } catch {
      // counted below
    }
    this.damaged++;
  }
}
