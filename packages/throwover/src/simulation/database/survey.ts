import type { Position } from '@throwover/client';
import type { DatabaseSurvey, Unsent } from '../../authority/authority.ts';
import { modelErrors } from '../model-errors.ts';
import { lsnIn } from './history-of-writes.ts';
import type { Server } from './server.ts';

/** Returns what a fence would not stop: the model has the application's role and no other writer. */
export function surveyOf(server: Server): DatabaseSurvey {
  mustAnswer(server);
  return {
    region: server.region,
    ...{ writers: [], writersInAll: 0, missingRoles: [], blindTables: [], blindTablesInAll: 0 },
    ...{ doorCannot: [], guardLacks: [], leaseLeavesOut: [] },
  };
}

/** Returns the writes of this primary beyond a position. */
export function unsentOf(
  server: Server,
  { beyond, limit }: { beyond: Position; limit: number },
): Unsent {
  mustAnswer(server);
  if (server.role !== 'primary') return { state: 'unavailable', why: 'it is a standby' };
  const lsn = lsnIn(beyond);
  const found = server.copy.branch.writes.filter((write) => write.lsn > lsn && !write.vanished);
  return {
    state: 'read',
    rows: found.slice(0, limit).map(({ id }) => {
      const key = { id: String(id) };
      return { table: 'public.orders', operation: 'insert', key, commitWallMs: null };
    }),
    count: found.length,
    more: false,
  };
}

function mustAnswer({ running, process, region }: Server): void {
  if (running && process?.still !== true) return;
  throw modelErrors.make('database-unreachable', `${region}'s database does not answer`);
}
