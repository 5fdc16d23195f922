import type { IncomingMessage, ServerResponse } from 'node:http';
import { headers } from '@throwover/client';
import type { Clock, ThrowoverError } from '../kernel/kernel.ts';

/** Seconds after which a refused client may come again; a switchover's write gap is shorter. */
const retryAfterSeconds = '1';

/** Answers a request that the door does not hand on. 503, never 404, 410 or 429: senders of webhooks take those for final. */
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

/** HTTP/2 has no `Connection: close`: GOAWAY, and the streams that are open may end. */
export function sendAway(req: IncomingMessage): void {
  if (req.httpVersionMajor < 2) return;
  const { stream } = req as IncomingMessage & { stream?: { session?: { close(): void } } };
  stream?.session?.close();
}

/** Puts the time until the head into the head, for the door that forwarded the request. */
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
