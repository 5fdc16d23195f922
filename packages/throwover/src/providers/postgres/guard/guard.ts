/**
 * The process beside one PostgreSQL: the guard (authority/guard) over HTTP, with a real database.
 *
 *   server.ts             commands over HTTP
 *   local.ts              commands of a person on the guard's own host
 *   peer.ts               the other region's guard
 *   side.ts               the parts that a command uses
 *   state.ts              the guard's memory, on disk; files.ts: how files are written and synced
 *   database.ts           PostgreSQL as a guard handles it:
 *     postmaster.ts         starts, finds, stops PostgreSQL, which outlives this process
 *     door.ts               how logins are refused: hba-door.ts (host-based-access.ts), role-door.ts
 *     fence.ts promote.ts attach.ts status.ts cluster.ts upstream.ts survey.ts settings.ts write-lease.ts
 *     strict.ts             the lease: write-lease.ts checks it in statements, lease-watch.ts ends sessions
 *     own-session.ts        settings of the guard's own sessions; guard-needs.ts: missing rights
 *     room.ts               a connection on a full server
 *     hba-file.ts           where pg_hba.conf is: the server is asked
 *     promotions.ts         the rows with the timeline on which each epoch began
 *     standby-files.ts rewind.ts base-backup.ts  the three ways to become a standby
 *   pre-start.ts          closes the door for a unit that starts PostgreSQL itself
 *   place.ts              the place of the database, for people who handle it by hand
 *   housekeeping.ts       preparations in a writer's database; the slot of the ledger
 */

import type { AddressInfo } from 'node:net';
import { startWith } from '../../../access/configured.ts';
import type { Machine } from '../../../access/machine.ts';
import {
  checkTiming,
  defaultTiming,
  type Timing,
  type Witness,
} from '../../../authority/authority.ts';
import { createGuard, type Guard } from '../../../authority/guard/guard.ts';
import { type Clock, isoTime, listenAt, systemClock } from '../../../kernel/kernel.ts';
import { callersOf } from '../../../wire/callers.ts';
import { controlServer, mustBeProtected } from '../../../wire/control-server.ts';
import { type GuardConfig, parseGuardConfig } from '../config.ts';
import { postgresErrors } from '../errors.ts';
import { readUnsent } from '../salvage/read.ts';
import { postgresDatabase } from './database.ts';
import { keepHouse } from './housekeeping.ts';
import { mustBeOnThisHost, writeLocalKey } from './local.ts';
import { httpPeer } from './peer.ts';
import { placeOf } from './place.ts';
import { type GuardHandlers, guardApp } from './server.ts';
import { openSide, type Side } from './side.ts';
import { finishReplacing } from './standby-files.ts';
import { openKeep } from './state.ts';
import { surveyDatabase } from './survey.ts';
import { lookUpstream } from './upstream.ts';

export interface RunningGuard {
  readonly address: { readonly host: string; readonly port: number };
  /** Ends the guard; the database continues. */
  close(): Promise<void>;
}

export interface GuardSurroundings {
  readonly clock?: Clock;
  /** Receives one JSON line for each event that people should know. */
  readonly log?: (line: string) => void;
  /** The store, as compose.ts reaches it; absent or `null`: the guard asks only its peer. */
  readonly witness?: (
    config: GuardConfig,
    timing: Timing,
    machine: Machine | null,
  ) => (Witness & { close(): Promise<void> }) | null;
}

/**
 * Starts the guard: it listens for commands, with the database running (closed, if the guard had to
 * start it), unless a command had stopped it.
 */
export async function startGuard(
  input: unknown,
  { clock = systemClock, witness, log = console.log }: GuardSurroundings = {},
): Promise<RunningGuard> {
  const config = parseGuardConfig(input);
  const { service, region, identity, insecure } = config;
  const say = (what: object) =>
    log(JSON.stringify({ at: isoTime(clock.wallMs()), region, ...what }));
  mustBeProtected(config.listen, { identity, insecure });
  const expected = { service, role: 'guard', region } as const;
  return startWith(identity, { expected, clock, onEvent: say }, (machine) =>
    startAs(machine, config, { clock, say, witness }),
  );
}

async function startAs(
  machine: Machine | null,
  config: GuardConfig,
  surroundings: {
    readonly witness: GuardSurroundings['witness'] | undefined;
    readonly clock: Clock;
    readonly say: (what: object) => void;
  },
): Promise<RunningGuard> {
  const { clock, say, witness } = surroundings;
  const timing = checkTiming({ ...defaultTiming, ...config.timing });
  const side = await openSide(config, clock);
  await finishReplacing(config.postgres.dataDir);
  const peer = config.peer === undefined ? null : peerOf(config.peer, { timing, clock, machine });
  const store = witness?.(config, timing, machine) ?? null;
  const keep = await openKeep(config.stateDir);
  const guard = createGuard({
    service: config.service,
    region: config.region,
    clock,
    database: postgresDatabase(side),
    keep,
    peer,
    witness: store,
    policy: { writerFence: config.writerFence, durability: config.durability, timing },
    onEvent: (event) => say(event),
  });
  const callers = machine === null ? null : callersOf(machine);
  const app = guardApp(handlersOf(guard, side, await writeLocalKey(config.stateDir)), callers);
  const server = controlServer(app, { machine });
  // Listen first: of two guards of one database only one can take the port.
  await listenAt(server, config.listen, ({ taken, message, cause }) => {
    const code = taken ? 'guard-port-taken' : 'guard-listen-failed';
    return postgresErrors.make(code, message, { ...config.listen }, cause);
  });
  const ending = new AbortController();
  try {
    await guard.start();
  } catch (error) {
    server.close();
    await keep.close();
    throw error;
  }
  const loops = [guard.run(ending.signal), keepHouse({ side, guard, say, signal: ending.signal })];
  const { address, port } = server.address() as AddressInfo;
  return {
    address: { host: address, port },
    close: async () => {
      ending.abort();
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      });
      await Promise.all(loops);
      const connections = [side.sql, side.watch, side.reader, side.leases, side.house];
      await Promise.all(connections.map((sql) => sql.close()));
      side.leaseWatch.letGo();
      await Promise.all([peer?.close(), store?.close(), keep.close(), machine?.close()]);
    },
  };
}

function handlersOf(guard: Guard, side: Side, key: string): GuardHandlers {
  return {
    side: {
      status: () => guard.status(),
      survey: () => surveyDatabase(side),
      upstream: () => lookUpstream(side),
      // On the connection that also moves the slot, because only one session may use the slot.
      unsent: ({ body }) => readUnsent(side.house, body),
      admit: ({ body }) => guard.admit(body),
      checkpoint: ({ body }) => guard.checkpoint(body),
      prewarm: ({ body }) => guard.prewarm(body),
      fence: ({ body }) => guard.fence(body),
      unfence: ({ body }) => guard.unfence(body),
      renounce: ({ body }) => guard.renounce(body),
      endPromises: ({ body }) => guard.endPromises(body),
      promote: ({ body }) => guard.promote(body),
      stop: ({ body }) => guard.stop(body),
      salvage: ({ body }) => guard.salvage(body),
      attach: ({ body }) => guard.attach(body),
    },
    postgres: { place: () => placeOf(side) },
    peer: {
      word: ({ body }) => guard.word(body),
      renounce: ({ body }) => guard.renounceForPeer(body),
      promise: ({ body }) => guard.promise(body),
      recordSync: ({ body }) => guard.recordPeerSync(body),
    },
    host: {
      acceptCluster: ({ body }, context) => {
        mustBeOnThisHost(context.req.header('authorization'), key);
        return guard.acceptCluster(body);
      },
    },
  };
}

function peerOf(
  { region, guard: url }: { readonly region: string; readonly guard: string },
  options: { readonly timing: Timing; readonly clock: Clock; readonly machine: Machine | null },
) {
  const { timing, clock, machine } = options;
  const connect = machine?.connectTo({ role: 'guard', region });
  return httpPeer({ region, url, deadlineMs: timing.peerDeadlineMs, clock, connect });
}
