import { Agent, request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest, Agent as TlsAgent } from 'node:https';
import type { Readable } from 'node:stream';
import type { Refusal } from './decide.ts';
import type { Standing } from './standing.ts';

/** Most connections to the active region at once; further requests wait for one. */
const maxSockets = 256;

/** Longest time without a byte, ms: the usual idle timeout of a load balancer. */
const idleTimeoutMs = 60_000;

export interface Outgoing {
  readonly to: Extract<Standing, { mode: 'forward' }>;
  readonly method: string;
  /** Path and query as they were received: parsing them would change a signed request. */
  readonly target: string;
  /** Raw pairs of end-to-end headers. */
  readonly headers: readonly string[];
  /** `null`: there is no body. It is read only after the connection is established. */
  readonly body: Readable | Buffer | null;
  readonly signal: AbortSignal;
}

/** Sends requests to active regions over keep-alive connections. */
export class Passage {
  readonly #plain = new Agent({ keepAlive: true, maxSockets, scheduling: 'lifo' });
  readonly #tls = new TlsAgent({ keepAlive: true, maxSockets, scheduling: 'lifo' });

  /**
   * Returns the answer, with its body still to be read, or the reason why there is none. The
   * request is sent once and never repeated.
   */
  send(outgoing: Outgoing): Promise<IncomingMessage | Refusal> {
    const { to, method, target, headers, body, signal } = outgoing;
    const base = new URL(to.url);
    const secure = base.protocol === 'https:';
    return new Promise((resolve) => {
      let connected = false;
      const out = (secure ? httpsRequest : httpRequest)({
        agent: secure ? this.#tls : this.#plain,
        hostname: base.hostname.replace(/^\[|\]$/g, ''),
        port: base.port === '' ? (secure ? 443 : 80) : Number(base.port),
        method,
        path: `${base.pathname.replace(/\/$/, '')}${target}`,
        headers: [...headers],
        setHost: false,
        signal,
        timeout: idleTimeoutMs,
      });
      out.once('timeout', () => out.destroy(new Error(`no byte for ${idleTimeoutMs} ms`)));
      out.once('socket', (socket) => {
        const start = () => {
          connected = true;
          if (body === null || Buffer.isBuffer(body)) {
            out.end(body ?? undefined);
            return;
          }
          body.once('error', (cause: Error) => out.destroy(cause));
          body.pipe(out);
        };
        if (socket.connecting) socket.once(secure ? 'secureConnect' : 'connect', start);
        else start();
      });
      out.once('response', resolve);
      out.once('error', (cause) => {
        const message = `${to.region} did not answer at ${to.url}: ${cause.message}`;
        resolve(
          connected
            ? { code: 'door-upstream-failed', status: 502, message }
            : { code: 'door-no-upstream', status: 503, message },
        );
      });
    });
  }

  close(): void {
    this.#plain.destroy();
    this.#tls.destroy();
  }
}
