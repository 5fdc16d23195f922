/**
 * The process beside one PostgreSQL: the guard (authority/guard) over HTTP, with a real database.
 *
 *   server.ts             commands over HTTP
 *   peer.ts               the other region's guard
 *   side.ts               what a command works with
 *   state.ts              the guard's memory, on disk
 *   database.ts           PostgreSQL as a guard handles it:
 *     postmaster.ts         starts, finds, stops PostgreSQL, which outlives this process
 *     door.ts               how logins are refused: hba-door.ts (host-based-access.ts), role-door.ts
 *     fence.ts promote.ts attach.ts status.ts upstream.ts survey.ts settings.ts write-lease.ts
 *     promotions.ts         the rows that say which epoch began on which timeline
 *     standby-files.ts rewind.ts base-backup.ts  the three ways to become a standby
 *   pre-start.ts          closes the door for a unit that starts PostgreSQL itself
 *   place.ts              where the database is, for people who handle it by hand
 *   housekeeping.ts       what a writer's database needs ahead of time; the slot of the ledger
 */
import type { AddressInfo } from 'node:net';
import { createAdaptorServer } from '@hono/node-server';
import { createGuard, type Guard } from '../../../authority/guard/guard.ts';
import type { Witness } from '../../../authority/guard/ports.ts';
import { checkTiming, defaultTiming, type Timing } from '../../../authority/timing.ts';
import { type Clock, isoTime, systemClock } from '../../../kernel/kernel.ts';
import { type GuardConfig, parseGuardConfig } from '../config.ts';
import { postgresErrors } from '../errors.ts';
import { readUnsent } from '../salvage/read.ts';
import { postgresDatabase } from './database.ts';
import { keepHouse } from './housekeeping.ts';
import { httpPeer } from './peer.ts';
import { placeOf } from './place.ts';
import { guardApp, type Handlers, type PeerHandlers } from './server.ts';
import { openSide, type Side } from './side.ts';
import { finishReplacing } from './standby-files.ts';
import { openKeep } from './state.ts';
import { surveyDatabase } from './survey.ts';
import { lookUpstream } from './upstream.ts';

export interface RunningGuard {
  readonly address: { readonly host: string; readonly port: number };
  /** Ends the guard; the database goes on. */
  close(): Promise<void>;
}

export interface GuardSurroundings {
  readonly clock?: Clock;
  /** The store, as compose.ts reaches it; left out or `null`: the guard asks its peer alone. */
  /** One JSON line for each thing that people should hear of. */
  readonly log?: (line: string) => void;
  readonly witness?: (
    config: GuardConfig,
    timing: Timing,
  ) => (Witness & { close(): Promise<void> }) | null;
}

/** Listens for commands, with the database running, closed if it had to be started, unless a command had stopped it. */
export async function startGuard(
  input: unknown,
  { clock = systemClock, witness, log = console.log }: GuardSurroundings = {},
): Promise<RunningGuard> {
  const config = parseGuardConfig(input);
  const timing = checkTiming({ ...defaultTiming, ...defined(config.timing) });
  const side = await openSide(config, clock);
  await finishReplacing(config.postgres.dataDir);
  const peer = config.peer === undefined ? null : peerOf(config.peer, timing, clock);
  const store = witness?.(config, timing) ?? null;
  const say = (what: object) =>
    log(JSON.stringify({ at: isoTime(clock.wallMs()), region: config.region, ...what }));
  const guard = createGuard({
    region: config.region,
    clock,
    database: postgresDatabase(side),
    keep: await openKeep(config.stateDir),
    peer,
    witness: store,
    policy: { writerFence: config.writerFence, durability: config.durability, timing },
    onEvent: (event) => say(event),
  });
  const server = createAdaptorServer({
    fetch: guardApp(commandsOf(guard, side), peerOfGuard(guard)).fetch,
  });
  // The port first: two guards of one database would not both get past it.
  await listen(server, config.listen);
  const ending = new AbortController();
  try {
    await guard.start();
  } catch (error) {
    server.close();
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
        if ('closeAllConnections' in server) server.closeAllConnections();
      });
      await Promise.all(loops);
      const connections = [side.sql, side.watch, side.reader, side.leases, side.house];
      await Promise.all(connections.map((sql) => sql.close()));
      await Promise.all([peer?.close(), store?.close()]);
    },
  };
}

function commandsOf(guard: Guard, side: Side): Handlers {
  const empty = async (work: Promise<void>) => {
    await work;
    return {};
  };
  return {
    status: async () => plain(await guard.status()),
    survey: () => surveyDatabase(side),
    upstream: () => lookUpstream(side),
    place: async () => placeOf(side.config),
    // On the connection that moves the slot: one at a time has it.
    unsent: async (command) => plain(await readUnsent(side.house, command)),
    admit: ({ token }) => empty(guard.admit(token)),
    checkpoint: ({ token }) => empty(guard.checkpoint(token)),
    prewarm: ({ token }) => guard.prewarm(token),
    fence: async (command) => plain(await guard.fence(command)),
    unfence: (command) => empty(guard.unfence(command)),
    renounce: ({ token }) => guard.renounce(token),
    endPromises: ({ token }) => guard.endPromises(token),
    promote: (command) => guard.promote(command),
    stop: ({ token }) => empty(guard.stop(token)),
    salvage: async (command) => plain(await guard.salvage(command)),
    attach: (command) => guard.attach(command),
  };
}

/** The wire's types are mutable, the port's are not; it is the same object. */
function plain<T>(value: unknown): T {
  return value as T;
}

function peerOfGuard(guard: Guard): PeerHandlers {
  return {
    word: (known) => guard.word(known),
    renounce: ({ token }) => guard.renounceForPeer(token),
    promise: (input) => guard.promise(input),
    sync: async (record) => {
      await guard.recordPeerSync(record);
      return {};
    },
  };
}

function peerOf(peer: { region: string; guard: string }, timing: Timing, clock: Clock) {
  const { peerDeadlineMs: deadlineMs } = timing;
  return httpPeer({ region: peer.region, url: peer.guard, deadlineMs, clock });
}

function defined<T extends object>(knobs: T): Partial<Timing> {
  return Object.fromEntries(Object.entries(knobs).filter(([, value]) => value !== undefined));
}

function listen(
  server: ReturnType<typeof createAdaptorServer>,
  { host, port }: GuardConfig['listen'],
): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      reject(
        error.code === 'EADDRINUSE'
          ? postgresErrors.make(
              'guard-port-taken',
              `${host}:${port} is taken`,
              { host, port },
              error,
            )
          : error,
      ),
    );
    server.listen(port, host, () => resolve());
  });
}
