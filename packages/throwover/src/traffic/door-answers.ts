import type { IncomingMessage, ServerResponse } from 'node:http';
import { headers } from '@throwover/client';
import type { Clock, ThrowoverError } from '../kernel/kernel.ts';

/** Seconds after which a refused client may retry; the write gap of a switchover is shorter. */
const retryAfterSeconds = '1';

/**
 * Answers a request that the door does not pass on. 503, never 404, 410 or 429, because senders of
 * webhooks take those as final.
 */
export function refuse(
  res: ServerResponse,
  options: {
    status: 500 | 501 | 502 | 503 | 508;
    error: ThrowoverError;
    region: string;
    epoch: number;
    closeConnection: boolean;
  },
): void {
  const { status, error } = options;
  if (res.headersSent) {
    res.destroy();
    return;
  }
  res.writeHead(status, {
    'content-type': 'application/json',
    'cache-control': 'no-store',
    [headers.region]: options.region,
    [headers.epoch]: String(options.epoch),
    ...(error.disposition === 'retry' && { 'retry-after': retryAfterSeconds }),
    ...(options.closeConnection && res.req.httpVersionMajor < 2 && { connection: 'close' }),
  });
  res.end(JSON.stringify(error));
  if (options.closeConnection) sendAway(res.req);
}

/**
 * Asks the client to open a new connection. HTTP/2 has no `Connection: close`: the door sends
 * GOAWAY, and open streams may end.
 */
export function sendAway(req: IncomingMessage): void {
  if (req.httpVersionMajor < 2) return;
  const { stream } = req as IncomingMessage & { stream?: { session?: { close(): void } } };
  stream?.session?.close();
}

/** Adds a header with the time until the answer's head, for the door that forwarded the request. */
export function timeHead(res: ServerResponse, clock: Clock): void {
  const startedMs = clock.monotonicMs();
  const writeHead = res.writeHead;
  res.writeHead = ((...given: Parameters<typeof writeHead>) => {
    if (!res.headersSent) {
      res.setHeader(headers.duration, (clock.monotonicMs() - startedMs).toFixed(2));
    }
    return writeHead.apply(res, given);
  }) as typeof writeHead;
}
