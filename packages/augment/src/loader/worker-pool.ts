import { Worker } from 'node:worker_threads';
import { SslError } from '@contrastive/core';
import { type Executor, type RenderJob, readEach } from './executor.js';
import type { RenderSettings } from './renderer.js';
import type { ImageSource } from './source.js';
import type { WorkerReply, WorkerRequest, WorkerSetup } from './worker.js';

/** The built worker lies beside the built loader; from source (tests) it is the built one too, since Node runs no TypeScript. */
const ENTRY = import.meta.url.endsWith('.ts')
  ? new URL('../../dist/worker.js', import.meta.url)
  : new URL('./worker.js', import.meta.url);

/** Requests that a job still waits for. */
interface Pending {
  remaining: number;
  error?: SslError;
  readonly resolve: () => void;
  readonly reject: (error: SslError) => void;
}

/** Makes the views on `count` worker threads. The threads keep the process alive only while a job is under way. */
export function createWorkerPool(
  count: number,
  settings: RenderSettings,
  source: ImageSource,
  slots: readonly SharedArrayBuffer[],
): Executor {
  return new WorkerPool(count, settings, source, slots);
}

class WorkerPool implements Executor {
  readonly #source: ImageSource;
  readonly #workers: readonly Worker[];
  readonly #cursors: Int32Array;
  readonly #pending = new Map<number, Pending>();
  /** Set when a worker died or the pool was closed: every later job fails with it. */
  #failure: SslError | undefined;
  #jobs = 0;
  #decoding: Promise<unknown> = Promise.resolve();

  constructor(count: number, settings: RenderSettings, source: ImageSource, slots: readonly SharedArrayBuffer[]) {
    this.#source = source;
    const cursors = new SharedArrayBuffer(4 * slots.length);
    this.#cursors = new Int32Array(cursors);
    const setup: WorkerSetup = { settings, slots, cursors, pixels: source.pixels };
    this.#workers = Array.from({ length: count }, (_, i) => this.#start(setup, `loader worker ${i + 1} of ${count}`));
  }

  #start(setup: WorkerSetup, name: string): Worker {
    const worker = new Worker(ENTRY, { workerData: setup, name });
    worker.unref();
    worker.on('message', (reply: WorkerReply) => this.#settle(reply));
    worker.on('error', (cause) => this.#fail(name, `${cause.name}: ${cause.message}`, cause));
    worker.on('exit', (code) => this.#fail(name, `exit code ${code}`));
    return worker;
  }

  #settle({ job, error }: WorkerReply): void {
    const pending = this.#pending.get(job);
    if (pending === undefined) return;
    if (error !== undefined)
      pending.error = new SslError('DATA', error.message, error.hint === undefined ? {} : { hint: error.hint });
    if (--pending.remaining > 0) return;
    this.#pending.delete(job);
    if (pending.error === undefined) pending.resolve();
    else pending.reject(pending.error);
    if (this.#pending.size === 0) for (const worker of this.#workers) worker.unref();
  }

  #fail(name: string, reason: string, cause?: unknown): void {
    this.#end(
      new SslError('DATA', `${name} died (${reason}); no more batches can be made.`, {
        hint: 'Start again; if it dies again, make views without workers (workers: 0; contrastive --view-workers 0) to see the error on the main thread.',
        cause,
      }),
    );
  }

  #end(failure: SslError): void {
    this.#failure ??= failure;
    for (const pending of this.#pending.values()) pending.reject(this.#failure);
    this.#pending.clear();
  }

  /** A job of `requests` answers. */
  #job(requests: number): { readonly job: number; readonly done: Promise<void> } {
    const job = this.#jobs++;
    if (this.#pending.size === 0) for (const worker of this.#workers) worker.ref();
    const done = new Promise<void>((resolve, reject) => {
      this.#pending.set(job, { remaining: requests, resolve, reject });
    });
    return { job, done };
  }

  async render({ slot, epoch, ids }: RenderJob): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#source.pixels === undefined) return this.#renderDecoded(slot, epoch, ids);
    // Every worker answers every batch, even if nothing was left to take: then the slot's cursor can be used again.
    const { job, done } = this.#job(this.#workers.length);
    Atomics.store(this.#cursors, slot, 0);
    for (const worker of this.#workers) this.#post(worker, { kind: 'batch', job, slot, epoch, ids });
    return done;
  }

  /** Images decoded here, one after the other batch; the views of each made by the next worker in turn. */
  #renderDecoded(slot: number, epoch: number, ids: Int32Array): Promise<void> {
    const run = () =>
      readEach(this.#source, ids, ({ data, width, height }, position) => {
        if (this.#failure !== undefined) throw this.#failure;
        const bytes = new SharedArrayBuffer(data.length);
        new Uint8Array(bytes).set(data);
        const { job, done } = this.#job(1);
        const worker = this.#workers[position % this.#workers.length]!;
        this.#post(worker, { kind: 'image', job, slot, epoch, id: ids[position]!, position, bytes, width, height });
        return done;
      });
    const current = this.#decoding.then(run);
    this.#decoding = current.catch(() => undefined);
    return current;
  }

  #post(worker: Worker, request: WorkerRequest): void {
    worker.postMessage(request);
  }

  async close(): Promise<void> {
    this.#end(new SslError('CANCELLED', 'The loader was closed.'));
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
  }
}
