import type { DatabaseSide, DatabaseStatus } from '../authority/database-side.ts';
import { type Clock, isThrowoverError } from '../kernel/kernel.ts';
import { type LagReport, positionLagMs, summarize } from '../replication/lag-history.ts';
import type { LagLog } from './lag-log.ts';

/** Time between two samples, ms: a sighting is what a failover later states its loss from, so it must be young. */
const sampleEveryMs = 1_000;

/**
 * Asks every region's database how it stands, once a second, and keeps where the primary was and how far
 * the others were behind. Ends when the signal is aborted. What does not answer is a sample too: unknown.
 */
export async function watchLag(options: {
  service: string;
  sides: readonly DatabaseSide[];
  log: LagLog;
  clock: Clock;
  signal: AbortSignal;
}): Promise<void> {
  const { clock, signal } = options;
  while (!signal.aborted) {
    await sampleOnce(options);
    await clock.sleep(sampleEveryMs, signal).catch(() => {});
  }
}

export async function sampleOnce(options: {
  service: string;
  sides: readonly DatabaseSide[];
  log: LagLog;
  clock: Clock;
}): Promise<void> {
  const { service, sides, log, clock } = options;
  // From before the question: whatever was acknowledged before it stands at or before the answer.
  const wallMs = clock.wallMs();
  const looks = await Promise.all(sides.map(orNull));
  const primaries = looks.filter((look) => look?.role === 'primary' && look.closed === null);
  const primary = primaries.length === 1 ? (primaries[0] ?? null) : null;
  if (primary !== null && primary.position !== null) {
    log.see(service, primary.region, { wallMs, position: primary.position, by: 'the store' });
  }
  for (const [index, side] of sides.entries()) {
    const look = looks[index] ?? null;
    if (side.region === primary?.region || look?.role === 'primary') continue;
    sampleStandby({ service, log, clock, wallMs, region: side.region, look, primary });
  }
}

function sampleStandby(seen: {
  service: string;
  log: LagLog;
  clock: Clock;
  wallMs: number;
  region: string;
  look: DatabaseStatus | null;
  primary: DatabaseStatus | null;
}): void {
  const { service, log, clock, wallMs, region, look, primary } = seen;
  const from = primary?.region ?? look?.known.active ?? null;
  if (from === null || from === region) return;
  log.sample(
    { service, from, to: region },
    {
      wallMs,
      heartbeatMs: primary?.standby?.lagMs ?? null,
      positionMs: positionLagMs({
        nowMs: clock.wallMs(),
        primary: primary?.position ?? null,
        replayed: look?.position ?? null,
        sightings: log.sightings(service, from),
      }),
      bytes: primary?.standby?.lagBytes ?? null,
    },
  );
}

/** Thirty days of every direction that was ever sampled. */
export function lagOf(log: LagLog, service: string, clock: Clock): readonly LagReport[] {
  return log.directions(service).map((direction) => {
    const minutes = log.minutes(direction);
    const nowMs = clock.wallMs();
    return {
      from: direction.from,
      to: direction.to,
      heartbeat: summarize(minutes, 'heartbeat', nowMs),
      position: summarize(minutes, 'position', nowMs),
    };
  });
}

async function orNull(side: DatabaseSide): Promise<DatabaseStatus | null> {
  try {
    return await side.status();
  } catch (error) {
    if (!isThrowoverError(error)) throw error;
    return null;
  }
}
