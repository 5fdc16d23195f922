/**
 * The guard beside one database: who may write there, and everything that is done to it for a run.
 * The rules are told in docs/authority.md; here they are kept. Knows no PostgreSQL: the same guard runs
 * beside real databases and in the simulation.
 *
 *   ports.ts      the database, the memory, the other guard, the store, as a guard asks them
 *   inside.ts     what its parts share
 *   memory.ts     what is on disk before it acts; tokens
 *   door.ts       the application's way in, and what is repeated until it stands as written down
 *   decide.ts     its decisions, pure
 *   fencing.ts    fence, unfence, deadline
 *   promotion.ts  promote, finish what was begun, adopt
 *   watching.ts   starting, noticing newer epochs, opening
 *   lease.ts      strict: the right to write, held; promises to the other side
 *   sync.ts       synchronous: what is written down before a commit does not wait
 */
import { timelineOf } from '@throwover/client';
import { laterSync } from '../../store/epochs.ts';
import type { DatabaseSide, DatabaseStatus, KnownEpoch, Renunciation } from '../database-side.ts';
import { authorityErrors } from '../errors.ts';
import { begun, ownEpoch } from './decide.ts';
import { Door } from './door.ts';
import { Fencing } from './fencing.ts';
import type { GuardOptions, Inside } from './inside.ts';
import { HeldLease, Promises } from './lease.ts';
import { Memory, Turns } from './memory.ts';
import type { DatabaseLook, PeerPromise, PeerWord, SyncRecord } from './ports.ts';
import { Promoting } from './promotion.ts';
import { Synchronous } from './sync.ts';
import { Watching } from './watching.ts';

export type { GuardOptions, GuardPolicy } from './inside.ts';
export { newGuardMemory } from './memory.ts';

/** The other guard's side of `Peer`. */
interface ForPeer {
  word(known: KnownEpoch): Promise<PeerWord>;
  renounceForPeer(token: number): Promise<Renunciation>;
  promise(input: { epoch: number; leaseMs: number }): Promise<PeerPromise>;
  recordPeerSync(record: SyncRecord): Promise<void>;
}

export interface Guard extends DatabaseSide, ForPeer {
  endPromises(token: number): Promise<{ readonly leftMs: number }>;
  /** Starts the database, closed, when it is down; then commands may come. */
  start(): Promise<void>;
  /** One round of watching. Errors of those who do not answer are part of it. */
  tick(): Promise<void>;
  /** Watches, and renews the lease of a strict writer, until it is aborted. */
  run(signal: AbortSignal): Promise<void>;
}

export function createGuard(options: GuardOptions): Guard {
  const memory = new Memory(options.keep, options.region);
  const door = new Door(options.database, memory);
  const inside: Inside = { ...options, memory, door, effects: new Turns() };
  const { region, database, effects, policy } = inside;
  const promises = new Promises(inside);
  const lease = new HeldLease(inside);
  const sync = new Synchronous(inside);
  const fencing = new Fencing(inside);
  const promoting = new Promoting(inside, promises);
  const watching = new Watching(inside, { fencing, promoting, sync, lease });

  /** In turn, with the newest token: what changes the database. */
  const command = <T>(token: number, work: () => Promise<T>): Promise<T> =>
    effects.take(async () => {
      await memory.admit(token);
      return work();
    });

  /** Before the next round of watching: a strict writer waits for its first lease. */
  const noteWriter = () => {
    const { closed, known } = memory.current;
    if (closed === null && known.active === region) lease.mayWrite(true);
  };

  const roleNow = () =>
    database.look().then(
      ({ role }) => role,
      () => 'unreachable' as const,
    );

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

  return {
    region,
    start: () => watching.start(),
    tick: () => watching.tick(),
    run: async (signal) => {
      await Promise.all([watching.run(signal), lease.run(signal)]);
    },
    status: async () => statusOf(inside, await database.look(), { lease, sync }),
    admit: (token) => memory.admit(token),
    checkpoint: (token) => command(token, () => database.checkpoint()),
    prewarm: async (token) => {
      // Reads alone, for as long as it takes: it waits for nobody and nobody waits for it.
      await memory.admit(token);
      return database.prewarm();
    },
    // These two write the token down together with what they decide: one write less while nobody can write.
    fence: (input) => effects.take(() => fencing.fence(input)),
    unfence: (input) =>
      command(input.token, async () => {
        await fencing.unfence(input);
        noteWriter();
      }),
    renounce: async (token) => {
      await memory.admit(token);
      return renounced(token);
    },
    endPromises: async (token) => {
      await memory.admit(token);
      return { leftMs: promises.end() };
    },
    promote: (input) =>
      effects.take(async () => {
        const promotion = await promoting.promote(input);
        noteWriter();
        return promotion;
      }),
    stop: (token) =>
      command(token, async () => {
        // A copy of the command that was late: since then it was attached, and nothing would start it again.
        const role = await roleNow();
        const attached = memory.current.followed !== null;
        if (role === 'standby' || (role === 'unreachable' && attached)) return;
        await memory.put({ stopped: true });
        await database.stop();
      }),
    salvage: ({ token, epoch, runId, switchPosition, from, limit }) =>
      command(token, async () => {
        if (memory.current.closed === null && (await database.look()).role === 'primary') {
          throw authorityErrors.make(
            'is-active',
            `${region}'s database is a primary that takes writes: it is closed before it is salvaged`,
            { role: 'primary' },
          );
        }
        // It has followed the new history since: whatever it has beyond came from there.
        const { followed } = memory.current;
        if (followed !== null && followed > timelineOf(switchPosition)) {
          return { state: 'complete', losses: [], total: 0, blind: [] };
        }
        const salvaged = await database.salvage({ epoch, runId, switchPosition });
        if (salvaged.state === 'unavailable') return salvaged;
        const { losses, ...rest } = salvaged;
        return { ...rest, losses: losses.slice(from, from + limit), total: losses.length };
      }),
    attach: (input) =>
      command(input.token, async () => {
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
        await memory.learn({ epoch: input.epoch, active: input.upstream });
        await memory.put({ accepted: null, promised: null, followed: null });
        const { epoch, upstream, promotion } = input;
        // Else one that follows while its answer is lost would stay down after its next crash.
        const mayRun = (may: boolean) => memory.put({ stopped: !may });
        const attachment = await database.follow({ epoch, upstream, promotion, mayRun });
        await memory.put({
          stopped: false,
          closed: null,
          followed: promotion.timeline,
          attachment: { ...attachment, epoch, proved: true },
        });
        // For reads; a standby takes no writes.
        await door.open();
        return attachment;
      }),
    word: async (known) => {
      await memory.learn(known);
      const role = await roleNow();
      const { known: newest, accepted } = memory.current;
      return { region, role, known: newest, accepted };
    },
    renounceForPeer: renounced,
    promise: (input) => promises.give(input),
    recordPeerSync: (record) =>
      memory.change((now) => {
        if (policy.durability !== 'synchronous' || now.known.epoch > record.epoch) {
          throw authorityErrors.make(
            'must-stay-closed',
            `${region}'s guard knows epoch ${now.known.epoch}: it writes nothing down for epoch ${record.epoch}`,
            { known: now.known },
          );
        }
        if (!record.inSync && promises.areEnding) {
          throw authorityErrors.make(
            'must-stay-closed',
            `${region} is to be promoted: ${region}'s guard writes nothing down that lets commits go ahead of it`,
            { known: now.known },
          );
        }
        return { part: { peerSync: laterSync(now.peerSync, record) }, answer: undefined };
      }),
  };
}

function statusOf(
  { region, memory, policy }: Inside,
  look: DatabaseLook,
  parts: { lease: HeldLease; sync: Synchronous },
): DatabaseStatus {
  const { token, renounced, accepted, known, closed, attachment, peerSync } = memory.current;
  const { timeline: _timeline, promotions, synchronous: _synchronous, ...seen } = look;
  const strict = policy.writerFence === 'strict';
  const synchronous = policy.durability === 'synchronous';
  return {
    ...seen,
    region,
    closed,
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
  };
}
