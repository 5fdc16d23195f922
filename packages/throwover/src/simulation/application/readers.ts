import { type Queryable, type Token, waitFor } from '@throwover/client';
import {
  ancestry,
  type Copy,
  heldRecords,
  holds,
  type Write,
} from '../database/history-of-writes.ts';
import type { Server } from '../database/server.ts';
import { lsnText } from '../database/sql.ts';
import type { History } from '../world/history.ts';
import type { SimProcess } from '../world/machine.ts';

/** How long a reader waits for its write, ms. */
const deadlineMs = 40;

/**
 * Reads a client's own write back later, from a database of its choice, with the real wait and the
 * real rules of @throwover/client; the model answers the SQL.
 */
export async function readBack(options: {
  process: SimProcess;
  server: Server;
  token: Token;
  write: Write;
  history: History;
}): Promise<void> {
  const { process, server, token, write, history } = options;
  let held = false;
  let may = true;
  const client: Queryable = {
    query: async (text) => {
      if (!server.running || server.machine.still) {
        throw Object.assign(new Error('away'), { code: '08006' });
      }
      const copy = shownBy(server);
      held = holds(copy, write.branch, write.lsn);
      may = holds({ branch: copy.branch, lsn: Number.POSITIVE_INFINITY }, write.branch, write.lsn);
      const row = viewRow(server, copy, token);
      if (!text.includes('has_schema_privilege')) return { rows: [row] };
      // The first query on each connection: whether the table may be read.
      return { rows: [{ ...row, switches: row.switches === '[]' ? null : 'true' }] };
    },
  };
  const { clock } = process;
  const { outcome, reason } = await waitFor(client, token, { deadlineMs, clock });
  if (outcome === 'not-yet') return;
  const { region } = server;
  history.note({ type: 'read', region, write, outcome, reason, held, may });
}

function shownBy(server: Server): Copy {
  if (server.role === 'standby') return server.replayed;
  return { branch: server.copy.branch, lsn: server.insertedLsn };
}

function viewRow(server: Server, copy: Copy, token: Token) {
  const standby = server.role === 'standby';
  const receives = standby && server.upstream !== null && server.follows(server.upstream);
  const { timeline } = copy.branch;
  const promotions = heldRecords(copy, (branch) => branch.promotions);
  return {
    standby,
    lsn: lsnText(copy.lsn),
    timeline: standby ? (receives ? server.copy.branch.timeline : null) : timeline,
    timelineAtLeast: standby ? (copy.branch.parent?.timeline ?? timeline) : null,
    xid: token.xid === null ? null : xidStatus(server, copy, Number(token.xid)),
    frozen: false,
    switches: JSON.stringify(
      promotions.map(({ row }) => ({
        epoch: String(row.epoch),
        timeline: row.timeline,
        position: row.switchPosition,
        nextXid: row.nextXid,
      })),
    ),
  };
}

/**
 * Returns the status of an id. Ids of a lost tail are given out again, so the answer is about this
 * database's own transaction.
 */
function xidStatus(server: Server, copy: Copy, xid: number): string {
  for (const branch of ancestry(copy.branch)) {
    const found = branch.byXid.get(xid);
    if (found !== undefined && holds(copy, branch, found.lsn)) return 'committed';
  }
  if (server.role === 'standby') {
    const last = copy.branch.writes.findLast(({ lsn }) => lsn <= copy.lsn);
    return xid > (last?.xid ?? copy.branch.nextXid - 1) ? 'future' : 'aborted';
  }
  if (xid >= server.counters.nextXid) return 'future';
  return server.openXids.has(xid) ? 'in progress' : 'aborted';
}
