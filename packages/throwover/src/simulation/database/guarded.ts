import { timelineOf } from '@throwover/client';
import {
  type Attachment,
  type DatabaseLook,
  type DoorLook,
  type GuardedDatabase,
  type Promotion,
  stoppedLook,
} from '../../authority/authority.ts';
import type { Random } from '../../kernel/kernel.ts';
import type { Loss } from '../../store/store.ts';
import { modelErrors } from '../model-errors.ts';
import type { SimProcess } from '../world/machine.ts';
import type { LocalFaults } from '../world/network.ts';
import { callsOf } from './calls.ts';
import { lsnIn, positionAt, sightOf, type Write } from './history-of-writes.ts';
import type { Server } from './server.ts';

/** Time between two looks while waiting, ms. */
const pollMs = 10;

/** Longest wait until a close or an open is seen, ms; the port allows less than 15 s. */
const patienceMs = 6_000;

/** Time after which a door whose setting is not seen is set again, ms. */
const againMs = 100;

const followPatienceMs = 20_000;

const parity = { max_connections: '100' };

/**
 * The guard's access to a model of a database: each change of a file, each reload and each look is
 * a separate step, at which the guard or the machine may end.
 */
export function guardedServer(options: {
  server: Server;
  process: SimProcess;
  random: Random;
  faults: LocalFaults;
  serverOf: (region: string) => Server;
}): GuardedDatabase {
  const { server, process, random, faults, serverOf } = options;
  const { region } = server;
  const failed = () => modelErrors.make('database-unreachable', `${region}: the call failed`);
  const { step, look, file, statement } = callsOf({ server, process, random, faults, failed });
  const unreachable = (said: string) => modelErrors.make('database-unreachable', said);
  const running = () => {
    if (!server.running) throw unreachable(`${region} is down`);
    if (server.process?.still) throw unreachable(`${region} hangs`);
  };
  /** Returns an effect that the server must be running for. */
  const served =
    <T>(effect: () => T) =>
    () => {
      running();
      return effect();
    };
  const mustBePrimary = () => {
    if (server.role !== 'primary') throw modelErrors.make('database-refused', 'a standby');
  };
  const mustNotTakeWrites = () => {
    if (server.role !== 'primary' || !server.takesWrites) return;
    throw modelErrors.make('database-refused', `${region} is a primary that takes writes`);
  };
  const isOfAnother = (identifier: string | null) =>
    identifier !== null && sightOf(server.copy.branch).identifier !== identifier;
  const within = async (limitMs: number, holds: () => boolean) => {
    const endMs = process.clock.monotonicMs() + limitMs;
    while (!(await step(holds))) {
      if (process.clock.monotonicMs() > endMs) return false;
      await process.clock.sleep(pollMs);
    }
    return true;
  };
  const until = async (what: string, holds: () => boolean, limitMs = patienceMs) => {
    if (await within(limitMs, holds)) return;
    throw unreachable(`${region}: ${what} was not seen`);
  };
  /**
   * Writes the file first, then reloads; only the configuration that the server has loaded counts.
   * If another party's file was loaded at that very moment, it is done again.
   */
  const setDoor = async (door: 'open' | 'closed') => {
    const isSo = served(() => server.hba === door);
    const endMs = process.clock.monotonicMs() + patienceMs;
    do {
      await file(() => server.writeHba(door, 'guard'));
      await statement(served(() => server.process?.deliver(() => server.reload())));
      if (await within(againMs, isSo)) return;
    } while (process.clock.monotonicMs() < endMs);
    throw unreachable(`${region}: ${door} was not seen`);
  };

  return {
    region,

    look: () =>
      look((): DatabaseLook => {
        if (server.running) running();
        return lookAt(server, serverOf);
      }),

    lookAtDoor: () =>
      look((): DoorLook | null => {
        if (!server.running) return null;
        running();
        const closed = server.hbaOnDisk === 'closed';
        return {
          admitted: closed ? [] : ['app'],
          refused: closed ? ['app'] : [],
          sessions: server.sessions.size,
          unreadable: null,
          rules: String(server.hbaWrites),
          loaded: String(server.hbaLoads),
        };
      }),

    tryDoor: () => look(served(() => (server.hba === 'closed' ? 'refused' : 'admitted'))),

    startClosed: async () => {
      if (await step(() => server.running)) return;
      await file(() => {
        if (!server.running) server.writeHba('closed', 'guard');
      });
      await file(() => {
        if (server.unusable) throw modelErrors.make('database-refused', `${region}: half a copy`);
        server.start();
      });
    },

    stop: () => file(() => server.crash()),

    checkpoint: () => statement(served(() => server.noise())),

    prewarm: () => step(() => ({ bytes: 0, by: 'model' })),

    close: async ({ openTransactionsMs }) => {
      await setDoor('closed');
      const endMs = process.clock.monotonicMs() + openTransactionsMs;
      for (;;) {
        const busy = await step(served(() => [...server.sessions].some((session) => session.busy)));
        if (!busy || process.clock.monotonicMs() >= endMs) break;
        await process.clock.sleep(pollMs);
      }
      await statement(
        served(() => {
          for (const session of [...server.sessions]) server.endSession(session);
        }),
      );
      return step(served(() => (server.role === 'primary' ? server.position() : null)));
    },

    open: () => setDoor('open'),

    promote: async ({ identifier }) => {
      await statement(() => {
        running();
        if (isOfAnother(identifier) && server.role === 'standby')
          throw modelErrors.make('database-refused', 'another one');
        server.promote('guard');
      });
      return step(() => {
        running();
        const { branch } = server.copy;
        if (branch.parent === null)
          throw modelErrors.make('database-refused', 'it was never a standby');
        return {
          timeline: branch.timeline,
          switchPosition: positionAt(branch.parent, branch.forkLsn),
          nextXid: String(branch.nextXid),
        };
      });
    },

    recordPromotion: async (promotion: Promotion) => {
      let flushed = false;
      await statement(() => {
        running();
        mustBePrimary();
        server.recordPromotion(promotion);
        const { process: postgres } = server;
        if (postgres === null) return;
        void server.flush(postgres).then(() => {
          flushed = true;
        });
      });
      // A server that ends meanwhile flushes nothing, and its connection breaks.
      await until(
        'its record on disk',
        served(() => flushed),
      );
    },

    advanceSequences: (by) => statement(served(() => server.counters.advanceIds(by))),

    salvage: async ({ epoch, runId, switchPosition, identifier }) => {
      const kept = await step(() => server.salvaged.get(epoch));
      if (kept !== undefined) return kept;
      await file(() => {
        mustNotTakeWrites();
        server.crash();
        server.role = 'standby';
        server.upstream = null;
        server.start();
      });
      return step(() => {
        running();
        if (isOfAnother(identifier)) throw modelErrors.make('database-refused', 'another one');
        // It followed the new history once, though no one received the answer.
        const followed = server.promotions().some((promotion) => promotion.epoch === epoch);
        if (followed) return { state: 'complete', losses: [], blind: [] };
        const losses = server.copy.branch.writes
          .filter(({ lsn }) => lsn > lsnIn(switchPosition))
          .map((write) => lossOf(write, runId));
        const salvaged = { state: 'complete', losses, blind: [] } as const;
        server.salvaged.set(epoch, salvaged);
        return salvaged;
      });
    },

    follow,

    upstreamCluster: (upstream) =>
      step(() => {
        const source = serverOf(upstream);
        mustRun(source);
        return sightOf(source.copy.branch);
      }),

    machineTime: () => ({
      wallMs: process.machine.wallMs(),
      bootMs: process.machine.bootMs(),
    }),

    extendLease: (until) =>
      statement(() => {
        running();
        mustBePrimary();
        server.lease = { ...until };
        server.noteWritable();
      }),

    endLease: () =>
      statement(
        served(() => {
          server.lease = null;
        }),
      ),

    setSynchronous: async (on) => {
      // This never takes effect after the guard was told that it failed: settings are written under a
      // lock, so the next change waits for it.
      await file(() => {
        running();
        server.synchronousOnDisk = on;
      });
      await statement(() => server.process?.deliver(() => server.reload()));
      await until(
        'synchronous',
        served(() => server.synchronous === on),
      );
    },
  };

  async function follow(command: Parameters<GuardedDatabase['follow']>[0]): Promise<Attachment> {
    const source = serverOf(command.upstream);
    const hasRow = () =>
      server.follows(source) && server.promotions().some(({ epoch }) => epoch === command.epoch);
    if (await step(hasRow)) {
      const { attached } = server;
      if (attached?.epoch === command.epoch) return attached.attachment;
      return { way: 'already', bytesCopied: 0 };
    }
    await file(() => {
      mustNotTakeWrites();
      server.crash();
    });
    let way: Attachment['way'] = 'as-is';
    if (server.unusable || !(await step(() => server.canFollow(source)))) {
      way = 'rewind';
      if (!command.discards && !server.unusable) {
        throw modelErrors.make('unread-writes', `${region} has more than ${command.upstream}`);
      }
      await file(() => {
        mustRun(source);
        server.unusable = true;
      });
      await process.clock.sleep(100 + 400 * random.next());
      await file(() => {
        mustRun(source);
        server.rewindTo(source);
        server.unusable = false;
      });
    }
    await file(() => {
      server.role = 'standby';
      server.upstream = source;
    });
    await command.mayRun(true);
    await file(() => server.start());
    const attachment = { way, bytesCopied: way === 'rewind' ? 8192 : 0 };
    server.attached = { epoch: command.epoch, attachment };
    await until('following', hasRow, followPatienceMs);
    return attachment;
  }
}

function mustRun(upstream: Server): void {
  if (!upstream.running) throw modelErrors.make('database-unreachable', 'upstream is away');
}

function lossOf(write: Write, runId: string): Loss {
  const row = { id: String(write.id), key: String(write.key) };
  const commitPosition = positionAt(write.branch, write.lsn);
  return {
    id: `${commitPosition}#0`,
    runId,
    transaction: String(write.xid),
    commitPosition,
    commitWallMs: null,
    table: 'public.orders',
    operation: 'insert',
    key: { id: row.id },
    before: null,
    after: row,
    acknowledged: 'unknown',
    resolution: null,
  };
}

function lookAt(server: Server, serverOf: (region: string) => Server): DatabaseLook {
  if (!server.running) {
    return { ...stoppedLook, cluster: sightOf(server.copy.branch) };
  }
  const position = server.position();
  const primary = server.role === 'primary';
  const { branch, lsn } = server.replayed;
  return {
    role: server.role,
    version: '18.0',
    sessions: server.sessions.size,
    position: primary ? position : positionAt(branch, lsn),
    received: position,
    streaming: server.upstream !== null && server.saysStreaming(serverOf(server.upstream.region)),
    standby: primary ? standbyOf(server) : null,
    parity,
    timeline: timelineOf(position),
    promotions: server.promotions(),
    promotedSinceStart: server.promotedSinceStart,
    synchronous: server.synchronous,
    cluster: sightOf(server.copy.branch),
  };
}

function standbyOf(server: Server): DatabaseLook['standby'] {
  const { standbyHas, peers, lagMs } = server.streaming;
  const connected = peers.some((peer) => peer.follows(server));
  if (!connected || standbyHas === null) return null;
  const lagBytes = Math.max(0, lsnIn(server.position()) - standbyHas);
  return { lagMs: lagBytes === 0 ? 0 : lagMs + 5, lagBytes, state: 'streaming' };
}
