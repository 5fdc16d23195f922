import type { Position } from '@throwover/client';
import type { Salvaged } from '../../authority/guard/ports.ts';
import type { EventQueue, Random } from '../../kernel/kernel.ts';
import type { History } from '../world/history.ts';
import { type Machine, SimProcess } from '../world/machine.ts';
import type { Network } from '../world/network.ts';
import {
  ancestry,
  type Branch,
  type Copy,
  commonPoint,
  diverged,
  heldRecords,
  holds,
  newBranch,
  type PromotionRow,
  positionAt,
  type Write,
} from './history-of-writes.ts';

/** A sequence writes to the log every so many ids, that many ahead, as PostgreSQL does. */
const sequenceAhead = 32;

const writeBytes = 120;

/** Time between two attempts to stream after the way was shut, ms. */
const streamAgainMs = 400;

/** A session of an application. */
export interface Session {
  open: boolean;
  /** In a transaction. */
  busy: boolean;
}

/** What an application reads of an error: the SQLSTATE. `committed`: whether it may have been committed. */
export class SqlError extends Error {
  readonly state: string;
  readonly committed: 'no' | 'unknown';
  constructor(state: string, committed: 'no' | 'unknown') {
    super(state);
    this.state = state;
    this.committed = committed;
  }
}

export interface Acknowledged {
  readonly write: Write;
  /** Upper bound of the commit record. */
  readonly position: Position;
}

/**
 * A model of one PostgreSQL server and its data directory, as far as it matters to who may write.
 *
 * Modelled: timelines and the log, flush and loss of what was not flushed, streaming with lag,
 * synchronous commit, pg_hba.conf on disk and as it is loaded, sessions that outlive a closed door,
 * an unlogged lease row, sequences that are logged ahead, transaction ids, rewind.
 */
export class Server {
  readonly region: string;
  readonly machine: Machine;
  /** On disk. */
  copy: Copy;
  role: 'primary' | 'standby';
  upstream: Server | null = null;
  hbaOnDisk: 'open' | 'closed' = 'open';
  synchronousOnDisk = false;
  /** A rewind was begun and has not ended: it cannot start. */
  unusable = false;
  /** What was read of its lost tail, by the epoch that it comes back into. */
  readonly salvaged = new Map<number, Salvaged>();
  /** In memory. */
  process: SimProcess | null = null;
  hba: 'open' | 'closed' = 'open';
  synchronous = false;
  lease: { wallMs: number; bootMs: number } | null = null;
  readonly sessions = new Set<Session>();
  /** Transactions that have an id and no end yet. */
  readonly openXids = new Set<number>();
  /** Primary: end of the log, flushed or not. */
  insertedLsn: number;
  replayed: Copy;
  /** Primary: what its standby has on disk, as it was told; `null` while none is there. */
  standbyHas: number | null = null;
  /** Strict mode: statements ask the lease row. */
  readonly strict: boolean;
  /** Faults of the world. */
  lagMs = 0;
  replayMs = 1;
  standbyProgressMs = 0;

  readonly #queue: EventQueue;
  readonly #random: Random;
  readonly #network: Network;
  readonly #history: History;
  readonly #newBranchId: () => number;
  #waiters: { session: Session; lsn: number; wake: () => void }[] = [];
  /** Committed, and not to be seen before the standby has them. */
  readonly #unseen = new Set<Write>();
  #nextId = 1;
  #idsLogged = 0;
  #nextXid = 1;
  #streaming = false;
  #wasOpen = false;

  constructor(options: {
    region: string;
    machine: Machine;
    queue: EventQueue;
    random: Random;
    network: Network;
    history: History;
    strict: boolean;
    copy: Copy;
    role: 'primary' | 'standby';
    newBranchId: () => number;
  }) {
    this.region = options.region;
    this.machine = options.machine;
    this.strict = options.strict;
    this.copy = options.copy;
    this.replayed = options.copy;
    this.insertedLsn = options.copy.lsn;
    this.role = options.role;
    this.#queue = options.queue;
    this.#random = options.random;
    this.#network = options.network;
    this.#history = options.history;
    this.#newBranchId = options.newBranchId;
  }

  get running(): boolean {
    return this.process?.alive === true;
  }

  start(): void {
    if (this.running || this.unusable) return;
    const process = new SimProcess(`${this.region}/postgres`, this.machine);
    this.process = process;
    process.onEnd(() => this.#ended());
    this.hba = this.hbaOnDisk;
    this.synchronous = this.synchronousOnDisk;
    this.lease = null;
    this.replayed = this.copy;
    this.insertedLsn = this.copy.lsn;
    this.standbyHas = null;
    this.#recoverCounters();
    this.#noteOpen('started');
    this.#background(process);
  }

  /** As a kill: what was not flushed is gone, sessions end, the unlogged row is empty afterwards. */
  crash(): void {
    this.process?.kill();
  }

  #ended(): void {
    this.process = null;
    for (const session of this.sessions) session.open = false;
    this.sessions.clear();
    this.openXids.clear();
    this.#unseen.clear();
    this.#waiters = [];
    this.lease = null;
    const { branch, lsn } = this.copy;
    if (this.role === 'primary') {
      cutAfter(branch.writes, lsn, (write) => {
        write.vanished = true;
        branch.byXid.delete(write.xid);
        if (write.event !== null) branch.byEvent.delete(write.event);
      });
      cutAfter(branch.promotions, lsn);
      cutAfter(branch.sequences, lsn);
    }
    this.insertedLsn = lsn;
    this.#noteOpen('ended');
  }

  /** What a reload does: the file as it is now counts from now on. */
  reload(why: string): void {
    this.hba = this.hbaOnDisk;
    this.synchronous = this.synchronousOnDisk;
    if (!this.synchronous) this.#wakeWaiters();
    this.#noteOpen(why);
  }

  connect(): Session {
    if (!this.running) throw new SqlError('08006', 'no');
    if (this.hba === 'closed') throw new SqlError('28000', 'no');
    const session = { open: true, busy: false };
    this.sessions.add(session);
    return session;
  }

  endSession(session: Session): void {
    session.open = false;
    this.sessions.delete(session);
    // Whoever waits for the standby is woken to end; what it committed is seen from then on.
    if (this.#waiters.length > 0) this.#wakeClosed();
  }

  /** One statement and its commit; resolves when the server says "committed". */
  async write(
    session: Session,
    input: { key: number; event: string | null; tookMs: number },
  ): Promise<Acknowledged> {
    const { process } = this;
    if (process === null || !session.open) throw new SqlError('57P01', 'no');
    if (this.role !== 'primary') throw new SqlError('25006', 'no');
    if (this.strict && !this.leaseHolds()) throw new SqlError('57P03', 'no');
    const done = input.event === null ? undefined : this.#effectOf(input.event);
    if (done !== undefined) return this.#alreadyDone(session, done);
    const begunMs = this.#queue.nowMs();
    const { branch } = this.copy;
    const id = this.#takeId();
    const xid = this.#nextXid++;
    session.busy = true;
    this.openXids.add(xid);
    await this.#pause(process, input.tookMs);
    session.busy = false;
    this.openXids.delete(xid);
    if (!session.open) throw new SqlError('57P01', 'no');
    const lsn = this.#insert(writeBytes);
    const write: Write = {
      key: input.key,
      id,
      xid,
      region: this.region,
      branch,
      lsn,
      begunMs,
      committedMs: this.#queue.nowMs(),
      event: input.event,
      acknowledgedMs: null,
      vanished: false,
      covered: null,
    };
    branch.writes.push(write);
    branch.byXid.set(xid, write);
    if (input.event !== null) branch.byEvent.set(input.event, write);
    const waits = this.synchronous;
    await this.#flush(process);
    if (waits && this.synchronous && (this.standbyHas ?? -1) < lsn) {
      this.#unseen.add(write);
      await this.#standbyHas(session, lsn);
      this.#unseen.delete(write);
    }
    if (!session.open) throw new SqlError('57P01', 'unknown');
    write.acknowledgedMs = this.#queue.nowMs();
    this.onAcknowledged?.(write);
    this.#history.mix(`w${write.key}:${lsn}`);
    return { write, position: this.position() };
  }

  /**
   * The event's effect is there. One that still waits for the standby is not to be seen yet; one that
   * was cut off while it waited is, although the standby never got it.
   */
  async #alreadyDone(session: Session, write: Write): Promise<Acknowledged> {
    if (this.#unseen.has(write)) await this.#standbyHas(session, write.lsn);
    if (!session.open) throw new SqlError('57P01', 'unknown');
    return { write, position: this.position() };
  }

  #standbyHas(session: Session, lsn: number): Promise<void> {
    return new Promise((wake) => this.#waiters.push({ session, lsn, wake }));
  }

  /** Told of each acknowledged write, at that instant. */
  onAcknowledged: ((write: Write) => void) | null = null;

  leaseHolds(): boolean {
    const { lease, machine } = this;
    return lease !== null && machine.wallMs() < lease.wallMs && machine.bootMs() < lease.bootMs;
  }

  /** Where it writes, or what it has on disk. */
  position(): Position {
    return positionAt(this.copy.branch, this.role === 'primary' ? this.insertedLsn : this.copy.lsn);
  }

  /** Everything that it has is on disk when this resolves. */
  flushAll(process: SimProcess): Promise<void> {
    return this.#flush(process);
  }

  nextXid(): number {
    return this.#nextXid;
  }

  /** A record that no transaction made: a checkpoint, a snapshot of running transactions. */
  noise(): void {
    if (!this.running || this.role !== 'primary') return;
    this.#insert(56);
    const { process } = this;
    if (process !== null) void this.#flush(process);
  }

  recordPromotion(row: PromotionRow): void {
    const { branch } = this.copy;
    const known = heldRecords({ branch, lsn: this.insertedLsn }, ({ promotions }) => promotions);
    if (known.some(({ row: { epoch } }) => epoch === row.epoch)) return;
    branch.promotions.push({ lsn: this.#insert(200), row });
  }

  promotions(): PromotionRow[] {
    const lsn = this.role === 'primary' ? this.insertedLsn : this.copy.lsn;
    return heldRecords({ branch: this.copy.branch, lsn }, ({ promotions }) => promotions)
      .map(({ row }) => row)
      .reverse();
  }

  advanceSequences(by: number): void {
    this.#idsLogged += by;
    this.#nextId = this.#idsLogged + 1;
    this.#logSequence();
  }

  /** It leaves its upstream and writes on a timeline of its own. */
  promote(by: 'guard' | 'hand'): Branch {
    if (this.role === 'primary') return this.copy.branch;
    const { branch: parent, lsn } = this.copy;
    this.#recoverCounters();
    let timeline = 0;
    for (const branch of ancestry(parent)) timeline = Math.max(timeline, branch.timeline);
    const branch = newBranch({
      id: this.#newBranchId(),
      timeline: timeline + 1,
      parent,
      forkLsn: lsn,
      nextXid: this.#nextXid,
      region: this.region,
      bornMs: this.#queue.nowMs(),
      by,
    });
    this.copy = { branch, lsn };
    this.replayed = this.copy;
    this.insertedLsn = lsn;
    this.role = 'primary';
    this.upstream = null;
    this.lease = null;
    this.standbyHas = null;
    this.#history.note({ type: 'promoted', region: this.region, branch });
    this.#noteOpen('promoted');
    return branch;
  }

  /** While it is down: its own tail is gone, and it can follow `source`. */
  rewindTo(source: Server): void {
    const from = { branch: source.copy.branch, lsn: source.copy.lsn };
    this.copy = commonPoint(this.copy, from);
    this.replayed = this.copy;
    this.insertedLsn = this.copy.lsn;
  }

  canFollow(source: Server): boolean {
    return !diverged(this.copy, source.copy);
  }

  follows(source: Server): boolean {
    return (
      this.running &&
      this.role === 'standby' &&
      this.upstream === source &&
      source.running &&
      this.#network.open(this.region, source.region) &&
      this.#network.open(source.region, this.region) &&
      this.canFollow(source)
    );
  }

  /** Changes of the lease row may make it take writes for the first time. */
  leaseChanged(): void {
    this.#noteWritable();
  }

  get takesWrites(): boolean {
    return this.running && this.role === 'primary' && this.hba === 'open';
  }

  #noteOpen(why: string): void {
    const open = this.takesWrites;
    if (open !== this.#wasOpen) {
      this.#wasOpen = open;
      const { branch } = this.copy;
      this.#history.note({ type: open ? 'opened' : 'closed', region: this.region, branch, why });
    }
    this.#noteWritable();
  }

  #noteWritable(): void {
    const { branch } = this.copy;
    if (!this.takesWrites || (this.strict && !this.leaseHolds())) return;
    if (this.#writable === branch) return;
    this.#writable = branch;
    this.#history.note({ type: 'writable', region: this.region, branch });
  }
  #writable: Branch | null = null;

  #recoverCounters(): void {
    const upTo = heldRecords(this.copy, ({ sequences }) => sequences);
    this.#idsLogged = upTo.reduce((most, record) => Math.max(most, record.upTo), 0);
    this.#nextId = this.#idsLogged + 1;
    const xids = heldRecords(this.copy, ({ writes }) => writes);
    this.#nextXid = xids.reduce(
      (most, { xid }) => Math.max(most, xid + 1),
      this.copy.branch.nextXid,
    );
  }

  #takeId(): number {
    if (this.#nextId > this.#idsLogged) {
      this.#idsLogged = this.#nextId + sequenceAhead;
      this.#logSequence();
    }
    return this.#nextId++;
  }

  #logSequence(): void {
    this.copy.branch.sequences.push({ lsn: this.#insert(99), upTo: this.#idsLogged });
  }

  #effectOf(event: string): Write | undefined {
    const copy = { branch: this.copy.branch, lsn: this.insertedLsn };
    for (const branch of ancestry(copy.branch)) {
      const found = branch.byEvent.get(event);
      if (found !== undefined && holds(copy, branch, found.lsn)) return found;
    }
    return undefined;
  }

  #insert(bytes: number): number {
    this.insertedLsn += bytes;
    return this.insertedLsn;
  }

  async #flush(process: SimProcess): Promise<void> {
    const upTo = this.insertedLsn;
    await this.#pause(process, 0.1 + 2 * this.#random.next());
    if (this.role === 'primary' && upTo > this.copy.lsn) {
      this.copy = { branch: this.copy.branch, lsn: upTo };
      this.replayed = this.copy;
    }
    this.pump();
  }

  #pause(process: SimProcess, ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#queue.after(ms, () => process.deliver(resolve));
    });
  }

  /** The servers that may stream from here: told once, by the world. */
  peers: readonly Server[] = [];

  /** Sends what is on disk to a standby that follows; once per way, newest state each time. */
  pump(): void {
    if (this.#streaming || !this.running || this.machine.still) return;
    const standby = this.peers.find((peer) => peer.follows(this));
    if (standby === undefined) {
      this.standbyHas = null;
      return;
    }
    const sent = this.copy;
    if (standby.copy.branch === sent.branch && standby.copy.lsn >= sent.lsn) {
      this.#hears(standby);
      return;
    }
    this.#streaming = true;
    const ms = this.#network.latencyMs(this.region, standby.region) + this.lagMs;
    this.#queue.after(ms, () => {
      this.#streaming = false;
      if (!standby.follows(this)) return;
      standby.process?.deliver(() => standby.#receive(this, sent));
    });
  }

  #receive(source: Server, sent: Copy): void {
    if (!this.follows(source) || diverged(this.copy, sent)) return;
    this.copy = sent;
    this.insertedLsn = sent.lsn;
    this.#queue.after(this.replayMs, () =>
      this.process?.deliver(() => {
        if (this.role === 'standby' && !diverged(this.replayed, sent)) this.replayed = sent;
      }),
    );
    source.#hears(this);
    source.pump();
  }

  /** The standby's answer is on its way. */
  #hears(standby: Server): void {
    const { branch, lsn } = standby.copy;
    this.#queue.after(this.#network.latencyMs(standby.region, this.region), () => {
      if (!this.#network.open(standby.region, this.region)) return;
      this.process?.deliver(() => {
        if (this.copy.branch !== branch) return;
        this.standbyHas = Math.max(this.standbyHas ?? 0, lsn);
        this.standbyProgressMs = this.#queue.nowMs();
        this.#wakeWaiters();
      });
    });
  }

  #wakeWaiters(): void {
    const has = this.standbyHas ?? -1;
    const all = this.#waiters;
    this.#waiters = all.filter(({ lsn }) => this.synchronous && lsn > has);
    for (const waiter of all) if (!this.#waiters.includes(waiter)) waiter.wake();
  }

  #wakeClosed(): void {
    const all = this.#waiters;
    this.#waiters = all.filter(({ session }) => session.open);
    for (const waiter of all) if (!waiter.session.open) waiter.wake();
  }

  /** Streaming is taken up again, and the log grows a little by itself. */
  #background(process: SimProcess): void {
    const again = () => {
      process.deliver(() => {
        this.pump();
        if (this.#random.next() < 0.04) this.noise();
      });
      if (process.alive) this.#queue.after(streamAgainMs, again);
    };
    this.#queue.after(streamAgainMs * this.#random.next(), again);
  }
}

/** PostgreSQL's own form: `0/3A1B2C8`. */
export function lsnText(lsn: number): string {
  return `${Math.floor(lsn / 2 ** 32).toString(16)}/${(lsn % 2 ** 32).toString(16)}`.toUpperCase();
}

function cutAfter<R extends { readonly lsn: number }>(
  records: R[],
  lsn: number,
  gone?: (record: R) => void,
): void {
  while ((records.at(-1)?.lsn ?? 0) > lsn) {
    const record = records.pop();
    if (record !== undefined) gone?.(record);
  }
}
