import type { DatabaseSide, DatabaseStatus } from '../authority/authority.ts';
import { type Clock, every, orNull, type Watching } from '../kernel/kernel.ts';
import { positionLagMs } from '../replication/replication.ts';
import type { LagLog } from './lag-log.ts';

/**
 * Time between two samples, ms. It is short because a failover computes its loss from the last
 * sighting.
 */
const sampleEveryMs = 1_000;

/** The databases of a service, and where their lag is stored. */
interface LagWatch {
  readonly service: string;
  readonly sides: readonly DatabaseSide[];
  readonly log: LagLog;
  readonly clock: Clock;
}

/**
 * Asks every region's database for its status once a second, and stores the position of the primary
 * and the lag of the others. A database that does not answer gives a sample too: unknown. Ends when
 * the signal is aborted.
 */
export async function watchLag(options: LagWatch & Watching): Promise<void> {
  const { clock } = options;
  // Keeps the beat instead of a pause after each look: services that began at different times stay
  // apart.
  let dueMs = clock.monotonicMs();
  const pauseMs = () => {
    const nowMs = clock.monotonicMs();
    dueMs += sampleEveryMs * Math.max(1, Math.ceil((nowMs - dueMs) / sampleEveryMs));
    return dueMs - nowMs;
  };
  await every({ ...options, pauseMs }, () => sampleOnce(options));
}

export async function sampleOnce(watch: LagWatch): Promise<void> {
  const { service, sides, log, clock } = watch;
  // Taken before the question: every write that was acknowledged before is at or before the
  // position in the answer.
  const wallMs = clock.wallMs();
  const looks = await Promise.all(sides.map((side) => orNull(() => side.status())));
  const primaries = looks.filter((look) => look?.role === 'primary' && look.closed === null);
  const primary = primaries.length === 1 ? (primaries[0] ?? null) : null;
  if (primary !== null && primary.position !== null) {
    log.see(service, primary.region, { wallMs, position: primary.position, by: 'the store' });
  }
  for (const [index, side] of sides.entries()) {
    const look = looks[index] ?? null;
    if (side.region === primary?.region || look?.role === 'primary') continue;
    sampleStandby(watch, { wallMs, region: side.region, look, primary });
  }
}

/** A standby, and the primary beside it, as one look found them. */
interface Looked {
  readonly wallMs: number;
  readonly region: string;
  readonly look: DatabaseStatus | null;
  readonly primary: DatabaseStatus | null;
}

function sampleStandby(watch: LagWatch, looked: Looked): void {
  const { wallMs, region, look, primary } = looked;
  const from = primary?.region ?? look?.known.active ?? null;
  if (from === null || from === region) return;
  const heartbeatMs = primary?.standby?.lagMs ?? null;
  watch.log.sample(
    { service: watch.service, from, to: region },
    {
      wallMs,
      heartbeatMs,
      lagMs: heartbeatMs ?? lagByPosition(watch, looked),
      bytes: primary?.standby?.lagBytes ?? null,
    },
  );
}

/** `null` without a primary: the time since one was seen is an outage, not lag. */
function lagByPosition({ service, log, clock }: LagWatch, { look, primary }: Looked) {
  if (primary === null || primary.position === null) return null;
  return positionLagMs({
    now: { wallMs: clock.wallMs(), monotonicMs: clock.monotonicMs() },
    primary: primary.position,
    replayed: look?.position ?? null,
    sightings: log.timedSightings(service, primary.region),
  });
}
