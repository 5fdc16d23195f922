import type { GuardLack } from '../../../authority/authority.ts';
import { eventTriggersCanBeOff, majorOf } from './own-session.ts';
import type { Side } from './side.ts';

/** Sessions that should be reserved for superusers: commands, status, the lease. */
const wantedReserved = 3;

interface Row extends Record<string, unknown> {
  readonly superuser: boolean;
  readonly role: string;
  readonly reserved: number;
  /** Event triggers that fire for a guard that cannot switch them off. */
  readonly triggers: readonly string[];
}

/**
 * Returns the conditions that could keep the guard from carrying out a run's commands, although its
 * sessions set what they need.
 */
export async function guardLacks(side: Side): Promise<readonly GuardLack[]> {
  const major = majorOf(side.config.postgres.dataDir);
  const canSwitchOff = major !== null && major >= eventTriggersCanBeOff;
  // For a guard that declares its session a replica, triggers still fire that are set to ALWAYS or
  // REPLICA.
  const asReplica = ['A', 'R'];
  const { superuser, role, reserved, triggers } = await side.reader.row<Row>(
    `SELECT rolsuper AS superuser, rolname::text AS role,
       current_setting('superuser_reserved_connections')::int AS reserved,
       (SELECT coalesce(array_agg(evtname::text ORDER BY evtname), '{}') FROM pg_event_trigger
        WHERE evtname NOT LIKE 'throwover\\_%' AND (evtenabled = ANY($1) OR NOT rolsuper AND evtenabled <> 'D')) AS triggers
     FROM pg_roles WHERE rolname = session_user`,
    [asReplica],
  );
  const met = superuser && canSwitchOff ? [] : triggers;
  const lacks: GuardLack[] = [];
  if (!superuser) {
    lacks.push({
      says: `the rights of a superuser: ${role} cannot pass settings such as session_preload_libraries, nor event triggers`,
      mayStopRun: true,
    });
  }
  if (met.length > 0) {
    lacks.push({
      says: `a way past the event trigger${met.length === 1 ? '' : 's'} ${met.join(', ')}: one that refuses what the guard does would stop a run`,
      mayStopRun: true,
    });
  }
  if (reserved < wantedReserved) {
    lacks.push({
      says: `reserved connections: superuser_reserved_connections is ${reserved}, so a guard that starts while the server is full may have to end an idle session of the application to get in`,
      mayStopRun: false,
    });
  }
  return lacks;
}
