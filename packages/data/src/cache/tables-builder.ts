import type { Tables } from './format.js';

/** Collects the numbers of records whose count is known only at the end; grows by doubling. */
export class TablesBuilder {
  #count = 0;
  #offsets = new Float64Array(1025);
  #sizes = new Uint16Array(2048);
  #labels = new Int32Array(1024);
  #nameEnds = new Uint32Array(1024);
  #names = Buffer.alloc(32768);
  #namesLength = 0;
  readonly #digests: Uint8Array[] = [];

  get count(): number {
    return this.#count;
  }

  get bytes(): number {
    return this.#offsets[this.#count]!;
  }

  add(record: {
    readonly bytes: number;
    readonly width: number;
    readonly height: number;
    readonly label: number;
    readonly name: string;
    /** Only of a record that is checked when it is read. */
    readonly digest: Uint8Array | undefined;
  }): void {
    const i = this.#count;
    if (i === this.#labels.length) this.#grow();
    this.#offsets[i + 1] = this.#offsets[i]! + record.bytes;
    this.#sizes[2 * i] = record.width;
    this.#sizes[2 * i + 1] = record.height;
    this.#labels[i] = record.label;
    const need = this.#namesLength + 3 * record.name.length;
    if (need > this.#names.length) this.#names = Buffer.concat([this.#names], Math.max(need, 2 * this.#names.length));
    this.#namesLength += this.#names.write(record.name, this.#namesLength);
    this.#nameEnds[i] = this.#namesLength;
    if (record.digest !== undefined) this.#digests.push(record.digest);
    this.#count++;
  }

  #grow(): void {
    const n = 2 * this.#labels.length;
    const [offsets, sizes, labels, ends] = [this.#offsets, this.#sizes, this.#labels, this.#nameEnds];
    this.#offsets = new Float64Array(n + 1);
    this.#offsets.set(offsets);
    this.#sizes = new Uint16Array(2 * n);
    this.#sizes.set(sizes);
    this.#labels = new Int32Array(n);
    this.#labels.set(labels);
    this.#nameEnds = new Uint32Array(n);
    this.#nameEnds.set(ends);
  }

  finish(): Tables {
    const n = this.#count;
    return {
      offsets: this.#offsets.slice(0, n + 1),
      widths: Uint16Array.from({ length: n }, (_, i) => this.#sizes[2 * i]!),
      heights: Uint16Array.from({ length: n }, (_, i) => this.#sizes[2 * i + 1]!),
      labels: this.#labels.slice(0, n),
      nameEnds: this.#nameEnds.slice(0, n),
      digests: Buffer.concat(this.#digests),
      names: Uint8Array.from(this.#names.subarray(0, this.#namesLength)),
    };
  }
}
