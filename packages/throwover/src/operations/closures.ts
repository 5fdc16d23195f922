import { type DatabaseSide, standingOf } from '../authority/authority.ts';
import { errorLine, every, orNull } from '../kernel/kernel.ts';
import type { LookFailed, Operated } from './operated.ts';

/** Pause between two looks, ms. */
const lookEveryMs = 2_000;

/**
 * Shortest time between two notices about one region, ms: if somebody restores a file every 30 s,
 * people get one message and not twenty.
 */
const tellEveryMs = 600_000;

/** A database whose server did not do what its guard had written down, as a line of the log of `throwover serve`. */
export interface ClosureEvent {
  readonly event: 'closure-changed';
  readonly region: string;
  readonly what: string;
}

/**
 * Tells people that somebody else opens or closes a database. The guard repairs that in each round,
 * but only people can stop the cause. Changes nothing. Ends when the signal is aborted.
 */
export async function watchClosures(options: {
  service: Operated;
  signal: AbortSignal;
  log: (event: ClosureEvent | LookFailed) => void;
}): Promise<void> {
  const { service, signal, log } = options;
  const { clock } = service;
  const told = new Map<string, number>();
  const failed = (error: unknown) =>
    log({ event: 'closures-failed', service: service.name, error: errorLine(error) });
  await every({ clock, pauseMs: lookEveryMs, signal, failed }, async () => {
    for (const { name: region, database } of service.regions) {
      const what = await changedBySomebody(database);
      const quietUntilMs = told.get(region) ?? Number.NEGATIVE_INFINITY;
      if (what === null || clock.monotonicMs() < quietUntilMs) continue;
      told.set(region, clock.monotonicMs() + tellEveryMs);
      log({ event: 'closure-changed', region, what });
      tell(service, region, what);
    }
  });
}

/**
 * Returns the difference that somebody else caused; `null` if there is none, or if the guard does
 * not answer, which other watchers report.
 */
async function changedBySomebody(database: Pick<DatabaseSide, 'status'>): Promise<string | null> {
  const status = await orNull(() => database.status());
  if (status === null) return null;
  const standing = standingOf(status);
  if (standing.is === 'reopened' || standing.is === 'refusing') return standing.why;
  const restored = status.observed?.restored ?? 0;
  return restored === 0 ? null : `its guard put it right ${restored} times in the last 10 minutes`;
}

function tell({ name, notifiers, clock }: Operated, region: string, what: string): void {
  notifiers.tell({
    kind: 'closure',
    service: name,
    runId: null,
    subject: `Somebody else opens or closes ${region}'s database of ${name}`,
    text: `${what}. Find who writes pg_hba.conf or changes the roles there (configuration management, a deployment), and stop that. See \`throwover check\`.`,
    wallMs: clock.wallMs(),
  });
}
