import { parentPort, workerData } from 'node:worker_threads';
import { SslError } from '@contrastive/core';
import { createRenderer, type RenderSettings, sharedImage } from './renderer.js';
import type { SharedPixels } from './source.js';

/** What a worker is started with. */
export interface WorkerSetup {
  readonly settings: RenderSettings;
  readonly slots: readonly SharedArrayBuffer[];
  /** One counter a slot: the first position of the batch that no worker has taken yet. */
  readonly cursors: SharedArrayBuffer;
  readonly pixels: SharedPixels | undefined;
}

/** What a worker is asked: its share of a batch of shared pixels, or one decoded image. */
export type WorkerRequest =
  | {
      readonly kind: 'batch';
      readonly job: number;
      readonly slot: number;
      readonly epoch: number;
      readonly ids: Int32Array;
    }
  | {
      readonly kind: 'image';
      readonly job: number;
      readonly slot: number;
      readonly epoch: number;
      readonly id: number;
      readonly position: number;
      readonly bytes: SharedArrayBuffer;
      readonly width: number;
      readonly height: number;
    };

/** One answer a request. */
export interface WorkerReply {
  readonly job: number;
  readonly error?: { readonly message: string; readonly hint: string | undefined };
}

/** Images that a worker takes at a time. */
const CHUNK = 8;

const { settings, slots, cursors, pixels } = workerData as WorkerSetup;
const views = slots.map((slot) => new Float32Array(slot));
const taken = new Int32Array(cursors);
const renderer = await createRenderer(settings);

function serve(request: WorkerRequest): void {
  const slot = views[request.slot]!;
  if (request.kind === 'image') {
    const { bytes, width, height } = request;
    renderer.render({ data: new Uint8Array(bytes), width, height }, request.epoch, request.id, slot, request.position);
    return;
  }
  const { ids, epoch } = request;
  for (;;) {
    const start = Atomics.add(taken, request.slot, CHUNK);
    if (start >= ids.length) return;
    for (let i = start; i < Math.min(ids.length, start + CHUNK); i++) {
      renderer.render(sharedImage(pixels!, ids[i]!), epoch, ids[i]!, slot, i);
    }
  }
}

parentPort!.on('message', (request: WorkerRequest) => {
  const reply: WorkerReply = { job: request.job };
  try {
    serve(request);
    parentPort!.postMessage(reply);
  } catch (error) {
    const hint = error instanceof SslError ? error.hint : undefined;
    parentPort!.postMessage({ ...reply, error: { message: (error as Error).message, hint } } satisfies WorkerReply);
  }
});
