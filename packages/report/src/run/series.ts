/** Values of one thing over the steps of a run. */
export interface Point {
  readonly step: number;
  readonly values: readonly number[];
}

/**
 * A series of at most `capacity` points however long the run is: when it is full, neighbours are averaged two by two, and from then on
 * each point stands for twice as many steps. Memory and drawing time stay bounded; means stay exact.
 */
export class Series {
  #points: { step: number; values: number[] }[] = [];
  /** Steps that one point stands for. */
  #width = 1;
  #open: { count: number; step: number; values: number[] } | undefined;
  #last: Point | undefined;

  constructor(readonly capacity: number) {}

  /** Values that are not finite, and those of another length than before, are left out. */
  add(step: number, values: readonly number[]): void {
    if (!values.every(Number.isFinite)) return;
    if (this.#last !== undefined && this.#last.values.length !== values.length) return;
    this.#last = { step, values };
    const open = this.#open ?? { count: 0, step: 0, values: values.map(() => 0) };
    open.count++;
    open.step += step;
    for (const [i, v] of values.entries()) open.values[i]! += v;
    this.#open = open;
    if (open.count === this.#width) this.#close(open);
  }

  #close({ count, step, values }: { count: number; step: number; values: number[] }): void {
    this.#points.push({ step: step / count, values: values.map((v) => v / count) });
    this.#open = undefined;
    if (this.#points.length < this.capacity) return;
    this.#width *= 2;
    const merged: { step: number; values: number[] }[] = [];
    for (let i = 0; i + 1 < this.#points.length; i += 2) merged.push(middle(this.#points[i]!, this.#points[i + 1]!));
    this.#points = merged;
  }

  /** In order; the last one may stand for fewer steps. */
  get points(): readonly Point[] {
    const { count = 0, step = 0, values = [] } = this.#open ?? {};
    if (count === 0) return this.#points;
    return [...this.#points, { step: step / count, values: values.map((v) => v / count) }];
  }

  /** What was added last, not averaged. */
  get last(): Point | undefined {
    return this.#last;
  }

  /** Mean over the last tenth of the points, three at least; undefined if there are fewer than three. */
  tail(): number | undefined {
    const { points } = this;
    if (points.length < 3) return undefined;
    const taken = points.slice(-Math.max(3, Math.ceil(points.length / 10)));
    return taken.reduce((sum, { values }) => sum + values[0]!, 0) / taken.length;
  }
}

const middle = (a: Point, b: Point) => ({
  step: (a.step + b.step) / 2,
  values: a.values.map((v, i) => (v + b.values[i]!) / 2),
});
