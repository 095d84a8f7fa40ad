import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { basename, resolve } from 'node:path';
import { ReportError } from '../errors.js';
import { STYLE } from '../html/style.js';
import { CLIENT } from './client.js';
import { Library } from './library.js';
import { listPage, listPanels, runPage, runPanels, runPath } from './pages.js';
import { Watcher } from './watcher.js';

export interface WatchOptions {
  /** A run folder, or a folder of runs. Nothing outside it is read. */
  readonly folder: string;
  /** Address to listen on. Default 127.0.0.1: this machine only. */
  readonly host?: string;
  /** Default 6100; 0 takes a free one. */
  readonly port?: number;
  /** Milliseconds between looks at the files. Default 2000. */
  readonly refresh?: number;
}

export const WATCH_DEFAULTS = { host: '127.0.0.1', port: 6100, refresh: 2000 } as const;

export interface WatchServer {
  readonly url: string;
  /** Ends all connections and timers. */
  close(): Promise<void>;
}

const HEADERS = {
  'Content-Security-Policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Cache-Control': 'no-store',
};

/**
 * Serves live pages of the runs in a folder: a list, and for each run the panels of a report, renewed when its files change. Read-only;
 * names of runs are looked up in the folder's listing, never used as paths.
 *
 * @throws ReportError `IO` if the port is taken or the address is not this machine's.
 */
export async function startWatch(options: WatchOptions): Promise<WatchServer> {
  const { folder, host, port, refresh } = { ...WATCH_DEFAULTS, ...options };
  const library = new Library(folder);
  const watcher = new Watcher(refresh);
  const server = createServer((request, response) => {
    try {
      answer({ library, watcher, host, title: `Runs in ${basename(resolve(folder))}` }, request, response);
    } catch (error) {
      fail(response, 500, `The page could not be made: ${(error as Error).message}`);
    }
  });
  await listen(server, host, port);
  const address = server.address() as AddressInfo;
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${address.port}/`,
    close: async () => {
      watcher.close();
      const closed = new Promise<void>((done) => server.close(() => done()));
      server.closeAllConnections();
      await closed;
    },
  };
}

const listen = (server: Server, host: string, port: number): Promise<void> =>
  new Promise((done, reject) => {
    server.once('error', (error) =>
      reject(
        new ReportError('IO', `Listening on ${host}:${port} failed: ${error.message}.`, {
          hint: 'Give another --port, or 0 for a free one.',
          cause: error,
        }),
      ),
    );
    server.listen(port, host, done);
  });

interface Site {
  readonly library: Library;
  readonly watcher: Watcher;
  readonly host: string;
  readonly title: string;
}

function answer(site: Site, request: IncomingMessage, response: ServerResponse): ServerResponse {
  for (const [name, value] of Object.entries(HEADERS)) response.setHeader(name, value);
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('Allow', 'GET, HEAD');
    return fail(response, 405, 'Pages can only be read.');
  }
  if (!isOwnHost(site.host, request.headers.host))
    return fail(response, 403, 'This server answers by its own address only.');
  const path = (request.url ?? '/').split('?')[0]!;
  if (path === '/style.css') return send(response, 'text/css', STYLE);
  if (path === '/client.js') return send(response, 'text/javascript', CLIENT);
  if (path === '/') return home(site, response);
  if (path === '/list/panels') return send(response, 'text/html', listPanels(site.library.list()));
  if (path === '/list/events') {
    return site.watcher.subscribe('list', () => listPanels(site.library.list()), request, response);
  }
  return runPart(site, path, request, response);
}

function home({ library, title }: Site, response: ServerResponse): ServerResponse {
  const runs = library.list();
  const [only] = runs;
  // A folder that is a run itself has no list.
  if (only !== undefined && only.path === resolve(library.root)) {
    response.setHeader('Location', runPath(only.name));
    return fail(response, 302, only.name);
  }
  return send(response, 'text/html', listPage(title, runs));
}

function runPart(
  { library, watcher }: Site,
  path: string,
  request: IncomingMessage,
  response: ServerResponse,
): ServerResponse {
  const [, encoded, part] = /^\/runs\/([^/]+)(?:\/(panels|events))?$/.exec(path) ?? [];
  const name = encoded === undefined ? undefined : decode(encoded);
  const run = name === undefined ? undefined : library.read(name);
  if (name === undefined || run === undefined) return fail(response, 404, 'There is no such page.');
  if (part === 'panels') return send(response, 'text/html', runPanels(run));
  if (part === 'events') return watcher.subscribe(`run ${name}`, () => stamp(library, name), request, response);
  return send(response, 'text/html', runPage(run, run.path === resolve(library.root)));
}

/** Changes when something of the run does. */
function stamp(library: Library, name: string): string {
  const run = library.read(name);
  return run === undefined
    ? 'gone'
    : `${run.state} ${run.step} ${run.arrays.size} ${run.problems.join()} ${String(run.summary?.knn)}`;
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

const LOOPBACK = /^(localhost|127(\.\d+){3}|\[::1\])(:\d+)?$/;

/** A page of another site can make a browser ask this server by a name of its own (DNS rebinding): on loopback only loopback names count. */
const isOwnHost = (listening: string, asked: string | undefined): boolean =>
  !/^(localhost|127\.|::1)/.test(listening) || (asked !== undefined && LOOPBACK.test(asked));

function send(response: ServerResponse, type: string, text: string): ServerResponse {
  return response.writeHead(200, { 'Content-Type': `${type}; charset=utf-8` }).end(text);
}

function fail(response: ServerResponse, status: number, text: string): ServerResponse {
  if (response.headersSent) return response.end();
  return response.writeHead(status, { 'Content-Type': 'text/plain; charset=utf-8' }).end(`${text}\n`);
}
