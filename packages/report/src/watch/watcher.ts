import type { IncomingMessage, ServerResponse } from 'node:http';

/** Readers of one thing. */
interface Topic {
  readonly stampOf: () => string;
  stamp: string;
  readonly readers: Set<ServerResponse>;
}

const MOST_READERS = 64;
/** A comment every so many looks keeps proxies from closing a silent connection. */
const PING_EVERY = 8;

/**
 * Tells browsers, by server-sent events, that something changed. One timer for all; it runs while anybody listens. Nothing is kept for
 * readers who are gone or do not read.
 */
export class Watcher {
  readonly #topics = new Map<string, Topic>();
  #timer: NodeJS.Timeout | undefined;
  #looks = 0;

  /** @param refresh milliseconds between looks. */
  constructor(readonly refresh: number) {}

  /** Readers connected. */
  get readers(): number {
    return [...this.#topics.values()].reduce((sum, { readers }) => sum + readers.size, 0);
  }

  /** @param stampOf text that changes when the topic does. */
  subscribe(name: string, stampOf: () => string, request: IncomingMessage, response: ServerResponse): ServerResponse {
    if (this.readers >= MOST_READERS) {
      return response.writeHead(503, { 'Content-Type': 'text/plain' }).end('Too many pages are open.\n');
    }
    const topic = this.#topics.get(name) ?? { stampOf, stamp: stampOf(), readers: new Set() };
    this.#topics.set(name, topic);
    topic.readers.add(response);
    response.writeHead(200, { 'Content-Type': 'text/event-stream' });
    response.write('retry: 2000\n\n');
    request.on('close', () => this.#leave(name, topic, response));
    this.#timer ??= setInterval(() => this.#look(), this.refresh);
    return response;
  }

  #leave(name: string, topic: Topic, response: ServerResponse): void {
    topic.readers.delete(response);
    if (topic.readers.size === 0) this.#topics.delete(name);
    if (this.#topics.size === 0) this.close();
  }

  #look(): void {
    const isPing = ++this.#looks % PING_EVERY === 0;
    for (const topic of this.#topics.values()) {
      const stamp = topic.stampOf();
      const text = stamp === topic.stamp ? (isPing ? ':\n\n' : '') : 'event: change\ndata:\n\n';
      topic.stamp = stamp;
      if (text === '') continue;
      for (const reader of topic.readers) {
        // One that does not read would make its buffer grow: it comes back by itself when it can.
        if (reader.writableNeedDrain) reader.destroy();
        else reader.write(text);
      }
    }
  }

  /** Ends all connections. */
  close(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    for (const { readers } of this.#topics.values()) for (const reader of readers) reader.end();
    this.#topics.clear();
  }
}
