import { SslError } from '@contrastive/core';
import type { CApi, OutputRef, Pointer } from './c-api.js';
import { encodeConfig, type SessionConfig } from './config.js';
import { checkStatus } from './status.js';

/** How a session reaches its server and reads its errors; a session without one runs in this process. */
export interface SessionServer {
  /** Address that the server gave. */
  readonly target: string;
  /** Throws what a failed run means, if it is the server's to say. */
  explain(code: number, message: string): void;
}

/** A call of a session that is prepared once and run often. */
export interface SessionCall {
  readonly feeds: Uint8Array;
  readonly fetches: Uint8Array;
  readonly fetchCount: number;
  readonly targets: BigUint64Array;
  readonly targetCount: number;
}

/** A graph that can grow, and the session that runs it. Its variables live as long as it does. */
export class Session {
  readonly #graph: Pointer;
  readonly #session: Pointer;
  readonly #status: Pointer;

  constructor(
    readonly api: CApi,
    config: SessionConfig,
    readonly server?: SessionServer,
  ) {
    this.#status = api.newStatus();
    this.#graph = api.newGraph();
    const options = api.newSessionOptions();
    try {
      const bytes = encodeConfig(config);
      api.setConfig(options, bytes, bytes.length, this.#status);
      checkStatus(api, this.#status, 'configuring a session');
      if (server !== undefined) api.setTarget(options, server.target);
      this.#session = api.newSession(this.#graph, options, this.#status);
      checkStatus(api, this.#status, 'opening a session');
    } finally {
      api.deleteSessionOptions(options);
    }
  }

  /** Adds an encoded `GraphDef`. */
  extend(graphDef: Uint8Array): void {
    const { api } = this;
    const buffer = api.newBufferFromString(graphDef, graphDef.length);
    const options = api.newImportOptions();
    api.importGraphDef(this.#graph, buffer, options, this.#status);
    api.deleteBuffer(buffer);
    api.deleteImportOptions(options);
    checkStatus(api, this.#status, 'importing a step');
  }

  /** @param feeds, fetches names of nodes (their first outputs). @param targets names of nodes that must have run. */
  prepare(feeds: readonly string[], fetches: readonly string[], targets: readonly string[]): SessionCall {
    const output = (name: string): OutputRef => ({ oper: this.#operation(name), index: 0 });
    return {
      feeds: outputArray(feeds.map(output)),
      fetches: outputArray(fetches.map(output)),
      fetchCount: fetches.length,
      targets: BigUint64Array.from([...targets.map((name) => this.#operation(name)), 0n]),
      targetCount: targets.length,
    };
  }

  /** Runs a call on the calling thread. The returned `TF_Tensor`s are the caller's to free; so are the fed ones. */
  run(call: SessionCall, values: readonly Pointer[]): Pointer[] {
    const { fetchValues, args, status } = this.#arguments(call, values);
    try {
      this.api.sessionRun(...args);
      this.#check(status);
    } finally {
      this.api.deleteStatus(status);
    }
    return Array.from(fetchValues.subarray(0, call.fetchCount));
  }

  /** Like {@link run}, on a worker thread: the event loop stays free. Two calls must not overlap. */
  async runAsync(call: SessionCall, values: readonly Pointer[]): Promise<Pointer[]> {
    const { fetchValues, args, status } = this.#arguments(call, values);
    try {
      // The callback's closure keeps the arrays in `args` alive while the library works on them.
      await new Promise<void>((resolve, reject) => {
        this.api.sessionRun.async(...args, (error) => (error === null ? resolve(void args) : reject(error)));
      });
      this.#check(status);
    } finally {
      this.api.deleteStatus(status);
    }
    return Array.from(fetchValues.subarray(0, call.fetchCount));
  }

  close(): void {
    this.api.closeSession(this.#session, this.#status);
    this.api.deleteSession(this.#session, this.#status);
    this.api.deleteGraph(this.#graph);
    this.api.deleteStatus(this.#status);
  }

  #check(status: Pointer): void {
    this.server?.explain(this.api.getCode(status), this.api.message(status));
    checkStatus(this.api, status, 'running a step');
  }

  #arguments(call: SessionCall, values: readonly Pointer[]) {
    const feedValues = BigUint64Array.from([...values, 0n]);
    const fetchValues = new BigUint64Array(call.fetchCount + 1);
    const status = this.api.newStatus();
    const args: Parameters<CApi['sessionRun']> = [
      this.#session,
      null,
      call.feeds,
      feedValues,
      values.length,
      call.fetches,
      fetchValues,
      call.fetchCount,
      call.targets,
      call.targetCount,
      null,
      status,
    ];
    return { fetchValues, args, status };
  }

  #operation(name: string): Pointer {
    const operation = this.api.operationByName(this.#graph, name);
    if (operation === null) throw new SslError('BACKEND', `the graph has no node ${name}.`);
    return operation;
  }
}

/** `TF_Output[]` in memory: 16 bytes each, a pointer and an index. */
export function outputArray(refs: readonly OutputRef[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(Math.max(16 * refs.length, 1)));
  refs.forEach((ref, i) => {
    view.setBigUint64(16 * i, ref.oper, true);
    view.setInt32(16 * i + 8, ref.index, true);
  });
  return new Uint8Array(view.buffer);
}
