/**
 * The guard beside one database. It decides whether the application may write there, and carries
 * out every command of a run on it. docs/authority.md explains the rules; this module enforces
 * them. It knows nothing of PostgreSQL: the same guard runs beside real databases and in the
 * simulation.
 *
 *   ports.ts      the ports of a guard: database, memory, other guard, store
 *   inside.ts     the state and ports that its parts share
 *   pairing.ts    the service and the one other region: scopes of commands, the peer's questions
 *   memory.ts     the state that is on disk before the guard acts; tokens
 *   side.ts       what a side is, and every change of it
 *   door.ts       the application's way in: opened or closed as written down, checked on the server
 *   closure.ts    compares the door on the server with what is written down; pure
 *   reopened.ts   writes down for the ledger that somebody let the application in
 *   decide.ts     the decisions; pure
 *   looks.ts      the look of a status, for the promotion that follows it at once
 *   fencing.ts    fence, unfence, deadline
 *   promotion.ts  promote, finish what was begun, adopt a promotion by hand
 *   watching.ts   starts the database, notices newer epochs, opens it
 *   lease.ts      strict mode: the lease of the writer
 *   promises.ts   its help for the other side, until a failover computes what would be lost
 *   clusters.ts   whether both databases are one cluster
 *   sync.ts       synchronous mode: written down before a commit does not wait for the standby
 */

import { timelineOf } from '@throwover/client';
import { orNull } from '../../kernel/kernel.ts';
import { laterSync } from '../../store/store.ts';
import type { DatabaseSide } from '../database-side.ts';
import { authorityErrors } from '../errors.ts';
import type {
  AcceptClusterCommand,
  DatabaseStatus,
  KnownEpoch,
  Pair,
  PeerPromise,
  PeerWord,
  Renunciation,
  RunCommand,
  SyncRecord,
} from '../messages.ts';
import { Clusters, reportOf } from './clusters.ts';
import { ownEpoch } from './decide.ts';
import { Door } from './door.ts';
import { Fencing } from './fencing.ts';
import type { GuardOptions, Inside } from './inside.ts';
import { HeldLease } from './lease.ts';
import { Looks } from './looks.ts';
import { Memory, Turns } from './memory.ts';
import { Pairing } from './pairing.ts';
import type { DatabaseLook } from './ports.ts';
import { Promises } from './promises.ts';
import { Promoting } from './promotion.ts';
import { noteReopened } from './reopened.ts';
import { begun } from './side.ts';
import { Synchronous } from './sync.ts';
import { Watching } from './watching.ts';

export type { GuardOptions, GuardPolicy } from './inside.ts';
export { newGuardMemory } from './memory.ts';

/** The questions of the other guard: the answering side of `Peer`. */
interface ForPeer {
  word(input: { pair: Pair; known: KnownEpoch }): Promise<PeerWord>;
  renounceForPeer(input: { pair: Pair; run: string; token: number }): Promise<Renunciation>;
  promise(input: { pair: Pair; epoch: number; leaseMs: number }): Promise<PeerPromise>;
  recordPeerSync(input: { pair: Pair; record: SyncRecord }): Promise<void>;
}

/** The commands that a controller sends for a run. */
type RunCommands = Omit<GuardedSide, 'region' | 'status'>;

/** The part of the port that needs no look into the tables. */
type GuardedSide = Omit<DatabaseSide, 'survey' | 'upstream' | 'unsent'>;

export interface Guard extends GuardedSide, ForPeer {
  /**
   * A person on this host accepts the database here as the right one. Recorded with name and time.
   */
  acceptCluster(command: AcceptClusterCommand): Promise<void>;
  /** Starts the database, closed, if it is down. Call this before the first command. */
  start(): Promise<void>;
  /** One round of watching. Does not throw when store, peer or database do not answer. */
  tick(): Promise<void>;
  /** Watches, and renews the lease of a strict writer, until aborted. */
  run(signal: AbortSignal): Promise<void>;
}

export function createGuard(options: GuardOptions): Guard {
  const memory = new Memory(options);
  const door = new Door(options.database, memory, options.clock);
  const pairing = new Pairing({ ...options, memory });
  const turns = new Turns();
  const looks = new Looks({ ...options, effects: turns });
  const inside: Inside = {
    ...{ ...options, memory, door, looks, effects: turns },
    peer: pairing.asked(),
    paired: () => pairing.confirmed,
  };
  const { region, database, effects, policy } = inside;
  const promises = new Promises(inside);
  const lease = new HeldLease(inside);
  const sync = new Synchronous(inside);
  const fencing = new Fencing(inside);
  const clusters = new Clusters(inside);
  const promoting = new Promoting(inside, { promises, clusters, lease });
  const watching = new Watching(inside, { fencing, promoting, sync, lease, clusters, promises });

  /** Runs a command that changes the database in its turn, after admitting its token. */
  const inTurn = <T>(command: RunCommand, work: () => Promise<T>): Promise<T> =>
    effects.take(async () => {
      await memory.admit(command);
      return work();
    });

  /**
   * Tells the lease about a new writer without waiting for the next round: a strict writer cannot
   * write before its first lease.
   */
  const noteWriter = () => {
    const { closed, known } = memory.current;
    if (closed === null && known.active === region) lease.mayWrite(true);
  };

  const lookNow = () => database.look().catch(() => null);

  const renounced = (token: number) =>
    memory.change<Renunciation>((now) => {
      if (now.accepted !== null && begun(now)) {
        const { epoch, token: by } = now.accepted;
        return { part: null, answer: { kind: 'accepted', epoch, token: by } };
      }
      if (now.known.active === region) {
        return {
          part: null,
          answer: { kind: 'accepted', epoch: now.known.epoch, token: now.token },
        };
      }
      const renounced = Math.max(now.renounced, token);
      return {
        part: renounced > now.renounced ? { renounced } : null,
        answer: { kind: 'renounced', token: renounced },
      };
    });

  const commands: RunCommands = {
    admit: (command) => memory.admit(command),
    checkpoint: (command) => inTurn(command, () => database.checkpoint()),
    prewarm: async (command) => {
      // Only reads, and may take long: it does not take a turn, so it blocks no other command.
      await memory.admit(command);
      return database.prewarm();
    },
    // These two write the token together with their decision: one write to disk less while no
    // region takes writes.
    fence: (input) => effects.take(() => fencing.fence(input)),
    unfence: (input) =>
      inTurn(input, async () => {
        await fencing.unfence(input);
        noteWriter();
      }),
    renounce: async (command) => {
      await memory.admit(command);
      return renounced(command.token);
    },
    endPromises: async (command) => {
      return { leftMs: await promises.end(command) };
    },
    promote: (input) =>
      effects.take(async () => {
        const promotion = await promoting.promote(input);
        noteWriter();
        return promotion;
      }),
    stop: (command) =>
      inTurn(command, async () => {
        // This may be a late copy of the command: the database was attached since, and after a stop
        // it would not be started again.
        const role = (await lookNow())?.role ?? 'unreachable';
        const attached = memory.current.followed !== null;
        if (role === 'standby' || (role !== 'primary' && attached)) return;
        if (role === 'primary' && memory.current.closed !== null) {
          // The last look at the door before traces of other writers disappear.
          const seen = await orNull(() => door.look({ inTurn: true }));
          const broken = seen?.verdict.is === 'broken' && !door.stayedEmpty(seen.look);
          if (broken) await noteReopened(inside);
        }
        await memory.put({ stopped: true });
        await database.stop();
      }),
    salvage: (input) =>
      inTurn(input, async () => {
        const { epoch, switchPosition, from, limit } = input;
        const { run: runId } = input.scope;
        const look = await database.look();
        if (memory.current.closed === null && look.role === 'primary') {
          throw authorityErrors.make(
            'is-active',
            `${region}'s database is a primary that takes writes: it is closed before it is salvaged`,
            { role: 'primary' },
          );
        }
        clusters.mustNotBeForeign(look);
        // Another data directory may be put here between that look and the salvage.
        const identifier = look.cluster?.identifier ?? null;
        // It has followed the new history since, so everything that it has beyond the switch
        // position came from there.
        const { followed } = memory.current;
        if (followed !== null && followed > timelineOf(switchPosition)) {
          return { state: 'complete', losses: [], total: 0, blind: [] };
        }
        const salvaged = await database.salvage({ epoch, runId, switchPosition, identifier });
        if (salvaged.state === 'unavailable') return salvaged;
        const { losses, ...rest } = salvaged;
        return { ...rest, losses: losses.slice(from, from + limit), total: losses.length };
      }),
    attach: (input) =>
      inTurn(input, async () => {
        const look = await database.look();
        if (look.role === 'primary' && ownEpoch({ region, look }) >= input.epoch) {
          throw authorityErrors.make(
            'is-active',
            `${region} opened epoch ${ownEpoch({ region, look })} itself: it follows nobody`,
            { epoch: input.epoch },
          );
        }
        if (look.role === 'primary' && memory.current.closed === null) {
          throw authorityErrors.make(
            'is-active',
            `${region}'s database is a primary that takes writes: it is closed before it is attached`,
            { role: 'primary' },
          );
        }
        await clusters.mustBeOf(input.upstream, look);
        await memory.learn({ epoch: input.epoch, active: input.upstream });
        await memory.change(({ judging }) => ({
          // This may be a late copy of the command, and a later failover may judge already.
          part: {
            ...{ accepted: null, promised: null, followed: null },
            judging: judging !== null && judging > input.token ? judging : null,
          },
          answer: undefined,
          on: 'attach',
        }));
        const { epoch, upstream, promotion, discards } = input;
        // Otherwise, if the reply is lost, a standby that did attach would not be restarted after a
        // crash.
        const mayRun = (may: boolean) => memory.put({ stopped: !may });
        const attachment = await database.follow({ epoch, upstream, promotion, discards, mayRun });
        await memory.put(
          {
            stopped: false,
            closed: null,
            reopened: null,
            followed: promotion.timeline,
            attachment: { ...attachment, epoch, proved: true },
          },
          'attached',
        );
        // Open for reads; a standby takes no writes.
        await door.open();
        return attachment;
      }),
  };

  const answers: ForPeer = {
    word: async ({ known }) => {
      await memory.learn(known);
      const look = await lookNow();
      const { known: newest, accepted } = memory.current;
      const report = look === null ? null : reportOf(look);
      return { region, role: look?.role ?? 'unreachable', known: newest, accepted, report };
    },
    renounceForPeer: async ({ token }) => renounced(token),
    promise: (input) => promises.give(input),
    recordPeerSync: async ({ record }) => {
      await promises.lapse();
      return memory.change((now) => {
        if (policy.durability !== 'synchronous' || now.known.epoch > record.epoch) {
          throw authorityErrors.make(
            'must-stay-closed',
            `${region}'s guard knows epoch ${now.known.epoch}: it writes nothing down for epoch ${record.epoch}`,
            { known: now.known },
          );
        }
        if (!record.inSync && (promises.areEnding || begun(now))) {
          throw authorityErrors.make(
            'must-stay-closed',
            `${region} is to be promoted: ${region}'s guard writes nothing down that lets commits go ahead of it`,
            { known: now.known },
          );
        }
        return { part: { peerSync: laterSync(now.peerSync, record) }, answer: undefined };
      });
    },
  };

  return {
    region,
    start: () => watching.start(),
    tick: () => watching.tick(),
    run: async (signal) => {
      await Promise.all([watching.run(signal), lease.run(signal)]);
    },
    acceptCluster: (input) => effects.take(() => clusters.accept(input)),
    status: async () => statusOf(inside, await looks.now(), { lease, sync, clusters }),
    ...pairing.obeyed(commands),
    ...pairing.answered(answers),
  };
}

function statusOf(
  { service, region, peer, paired, memory, policy, door }: Inside,
  look: DatabaseLook,
  parts: { lease: HeldLease; sync: Synchronous; clusters: Clusters },
): DatabaseStatus {
  const { token, renounced, accepted, known, closed, reopened, attachment, peerSync } =
    memory.current;
  const { timeline: _timeline, promotions, synchronous: _, promotedSinceStart: __, ...seen } = look;
  const strict = policy.writerFence === 'strict';
  const synchronous = policy.durability === 'synchronous';
  return {
    ...seen,
    region,
    service,
    peer: peer === null ? null : { region: peer.region, confirmed: paired() },
    closed,
    observed: look.role === 'stopped' ? null : door.observed,
    reopened,
    promotion: promotions[0] ?? null,
    attachment:
      attachment?.proved === true
        ? { way: attachment.way, bytesCopied: attachment.bytesCopied }
        : null,
    token,
    renounced,
    accepted: accepted === null ? null : { token: accepted.token, epoch: accepted.epoch },
    known,
    leaseLeftMs: strict && look.role === 'primary' ? parts.lease.leftMs() : null,
    inSync: !synchronous
      ? null
      : look.role === 'primary'
        ? parts.sync.inSync
        : (peerSync?.inSync ?? null),
    clusterVerdict: parts.clusters.verdict(look),
  };
}
