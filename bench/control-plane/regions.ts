/**
 * Process: gives the answers of the guards and doors of all services, for two regions on two ports.
 * A hundred databases do not fit on one machine; serve asks and reads these answers as in
 * production.
 */
import { createServer } from 'node:http';
import { positionOf } from '@throwover/client';

const [eastPort, westPort] = process.argv.slice(2).map(Number);
const begunMs = Date.now();

/**
 * Returns a position: the standby replays the state of 3 ms ago, and 1,000 bytes are written per
 * ms.
 */
function positionNow(behindMs: number) {
  const bytes = Math.max(0, Date.now() - begunMs - behindMs) * 1_000 + 0x1000000;
  return positionOf(1, `0/${bytes.toString(16).toUpperCase()}`);
}

function databaseStatus(region: string) {
  const primary = region === 'east';
  const position = positionNow(primary ? 0 : 3);
  return {
    region,
    role: primary ? 'primary' : 'standby',
    version: '18.0',
    closed: null,
    sessions: 20,
    position,
    received: position,
    streaming: !primary,
    standby: primary ? { lagMs: 3, lagBytes: 3_000, state: 'streaming' } : null,
    promotion: null,
    attachment: null,
    token: 1,
    renounced: 0,
    accepted: null,
    known: { epoch: 1, active: 'east' },
    leaseLeftMs: null,
    inSync: null,
    parity: { max_connections: '100' },
  };
}

function answerOf(region: string, path: string, query: URLSearchParams): unknown {
  if (path === '/v1/status') return databaseStatus(region);
  if (path === '/v1/door/connections') {
    return { atWallMs: Date.now(), open: 0, agesMs: [], requests: 0, requestsOnOldShare: null };
  }
  if (path === '/v1/door/latency') {
    const fromWallMs = Number(query.get('sinceWallMs'));
    const counted = { requests: 6_000, failed: 0, coldStarts: 0, meanMs: 4, p50Ms: 3, p99Ms: 20 };
    return [{ fromWallMs, ...counted }];
  }
  if (path === '/v1/door') {
    const current =
      region === 'east'
        ? { mode: 'serve', epoch: 1 }
        : { mode: 'forward', epoch: 1, to: 'http://127.0.0.1:9' };
    const counts = { inFlight: 1, held: 0, served: 9, forwarded: 0, refused: 0 };
    return { region, current, ...counts, peakConcurrency: 9 };
  }
  return null;
}

function start(region: string, port: number | undefined): Promise<void> {
  const server = createServer((request, response) => {
    request.resume();
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://region');
    const answer = answerOf(region, pathname, searchParams);
    response.statusCode = answer === null ? 404 : 200;
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify(answer));
  });
  server.keepAliveTimeout = 60_000;
  return new Promise((resolve) => server.listen(port, '127.0.0.1', resolve));
}

await Promise.all([start('east', eastPort), start('west', westPort)]);
process.once('disconnect', () => process.exit());
process.send?.('ready');
