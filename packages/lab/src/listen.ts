import type { Server } from 'node:http';
import { createAdaptorServer } from '@hono/node-server';
import type { Hono } from 'hono';
import { type Endpoint, listenAt, urlOf } from 'throwover/kernel';

/** An HTTP server of the lab that listens. */
export interface Listening {
  readonly url: string;
  readonly port: number;
  /** Ends the server and cuts its open connections. */
  close(): Promise<void>;
}

/** Serves an app. Port 0 takes a free one. */
export function serveApp(app: Hono, at: Endpoint): Promise<Listening> {
  return serveHttp(createAdaptorServer({ fetch: app.fetch }) as Server, at);
}

/** Lets a server listen. Port 0 takes a free one. */
export async function serveHttp(server: Server, at: Endpoint): Promise<Listening> {
  const taken = await listenAt(server, at);
  return {
    url: urlOf(taken),
    port: taken.port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
