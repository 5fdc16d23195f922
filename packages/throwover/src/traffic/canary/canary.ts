/**
 * A zone of its own whose answers tell when they were given: any resolver that is asked later shows how
 * long it kept one, and production's records are never touched.
 *
 *   names.ts       what a name below the zone asks for
 *   stamp.ts       the time in an answer
 *   query.ts       a query as it comes: bytes to a question
 *   reply.ts       an answer to bytes; at most 1.5 times the question over UDP
 *   respond.ts     what is answered
 *   rate-limit.ts  how often a network is answered
 *   seen.ts        who asked for a beacon
 *   listen.ts      UDP and TCP
 *
 * It may stand in the open: it answers for its zone alone, keeps nothing of a query but beacons (bounded),
 * and sends no more than it was asked.
 */
import { isIP } from 'node:net';
import type { Clock } from '../../kernel/kernel.ts';
import { canaryErrors } from './errors.ts';
import { listenCanary } from './listen.ts';
import { rateLimit } from './rate-limit.ts';
import { type CanaryZone, type Counters, canaryResponder } from './respond.ts';
import { SeenLog, type Sighting } from './seen.ts';
import { generationOf } from './stamp.ts';

export { stampName } from './names.ts';
export { readFrom, readStamp, type Stamp } from './stamp.ts';

/** Most sightings in one answer of the admin port. */
const maxSightings = 10_000;

export interface CanaryStatus {
  readonly zone: string;
  /** Address and port, UDP and TCP. */
  readonly listen: string;
  readonly startedWallMs: number;
  readonly generation: number;
  readonly counters: Readonly<Counters>;
}

export interface RunningCanary {
  readonly port: number;
  status(): CanaryStatus;
  /** Which resolver asked for this beacon first; `null` when none did, or ten minutes have passed. */
  seen(nonce: string): Sighting | null;
  /** Beacons first asked for since then, oldest first, at most 10,000. */
  seenSince(wallMs: number): readonly Sighting[];
  close(): Promise<void>;
}

/** Serves the zone until it is closed. Errors: `canary-listen-failed`. */
export async function startCanary(options: {
  zone: CanaryZone;
  host: string;
  port: number;
  /** Answers per second and client network over UDP; `null`: no limit, for a bench. */
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
