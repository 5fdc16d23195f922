/**
 * A separate zone whose answers contain the time at which they were given. A resolver that is asked
 * later thereby shows how long it kept an answer, and production's records are never touched.
 *
 *   names.ts       the meaning of a name below the zone
 *   stamp.ts       the time in an answer
 *   query.ts       bytes of a query -> question
 *   reply.ts       answer -> bytes; at most 1.5 times the question over UDP
 *   respond.ts     question -> answer
 *   rate-limit.ts  limits the answers to a network
 *   seen.ts        the resolvers that asked for a beacon
 *   listen.ts      UDP and TCP
 *   calls.ts       its counts and beacons over HTTP
 *
 * It may be open to the Internet: it answers only for its zone, stores only beacons (a bounded
 * number), and sends at most 1.5 times the bytes that it was sent over UDP.
 */
import { isIP } from 'node:net';
import type { Clock } from '../../kernel/kernel.ts';
import type { CanaryStatus, Counters, Sighting } from './calls.ts';
import { canaryErrors } from './errors.ts';
import { listenCanary } from './listen.ts';
import { rateLimit } from './rate-limit.ts';
import { type CanaryZone, canaryResponder } from './respond.ts';
import { SeenLog } from './seen.ts';
import { generationOf } from './stamp.ts';

export { canaryCalls } from './calls.ts';
export { stampName } from './names.ts';
export { readFrom, readStamp, type Stamp } from './stamp.ts';

/** Most sightings in one answer of the admin port. */
const maxSightings = 10_000;

export interface RunningCanary {
  readonly port: number;
  status(): CanaryStatus;
  /**
   * Returns the resolver that asked for this beacon first; `null` if none did, or after ten
   * minutes.
   */
  seen(nonce: string): Sighting | null;
  /** Returns the beacons that were first asked for since then, oldest first, at most 10,000. */
  seenSince(wallMs: number): readonly Sighting[];
  close(): Promise<void>;
}

/** Serves the zone until it is closed. Errors: `canary-listen-failed`. */
export async function startCanary(options: {
  zone: CanaryZone;
  host: string;
  port: number;
  /** Answers per second for each client network over UDP; `null`: no limit, for a benchmark. */
  answersPerSecond: number | null;
  clock: Clock;
}): Promise<RunningCanary> {
  const { zone, host, port, answersPerSecond, clock } = options;
  const seen = new SeenLog(clock);
  const counters: Counters = {
    queries: 0,
    answered: 0,
    truncated: 0,
    refused: 0,
    limited: 0,
    dropped: 0,
  };
  const permit = rateLimit({ perSecond: answersPerSecond, clock });
  const respond = canaryResponder({ zone, clock, permit, seen, counters });
  const listener = await listenCanary(host, port, respond).catch((error: unknown) => {
    const reason = error instanceof Error ? error.message : String(error);
    const message = `${socketText(host, port)}: ${reason}`;
    throw canaryErrors.make('canary-listen-failed', message, { host, port }, error);
  });
  const startedWallMs = clock.wallMs();
  return {
    port: listener.port,
    status: () => ({
      zone: zone.zone,
      listen: socketText(host, listener.port),
      startedWallMs,
      generation: generationOf(clock.wallMs()),
      counters: { ...counters },
    }),
    seen: (nonce) => seen.get(nonce),
    seenSince: (wallMs) => seen.since(wallMs, maxSightings),
    close: () => listener.close(),
  };
}

function socketText(host: string, port: number): string {
  return `${isIP(host) === 6 ? `[${host}]` : host}:${port}`;
}
