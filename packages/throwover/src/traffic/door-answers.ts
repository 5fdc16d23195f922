import type { ServerResponse } from 'node:http';
import { headers } from '@throwover/client';
import type { ThrowoverError } from '../kernel/kernel.ts';

/** Seconds after which a refused client may come again; a switchover's write gap is shorter. */
const retryAfterSeconds = '1';

/** Answers a request that the door does not hand on. 503, never 404, 410 or 429: senders of webhooks take those for final. */
export function refuse(
  res: ServerResponse,
  options: {
    status: 500 | 502 | 503 | 508;
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
    ...(options.closeConnection && { connection: 'close' }),
  });
  res.end(JSON.stringify(error));
}
