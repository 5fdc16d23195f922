import type { Position } from '@throwover/client';
import type { Salvaged } from '../../authority/guard/ports.ts';
import type { EventQueue, Random } from '../../kernel/kernel.ts';
import type { History } from '../world/history.ts';
import { type Machine, SimProcess } from '../world/machine.ts';
import type { Network } from '../world/network.ts';
import { Counters } from './counters.ts';
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
import { type Acknowledged, type Session, SqlError } from './sql.ts';
import { StandbyWaits } from './standby-waits.ts';
import { Streaming } from './streaming.ts';

const writeBytes = 120;

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
  /** Strict mode: statements ask the lease row. */
  readonly strict: boolean;
  /** Faults of the world. */
  replayMs = 1;
  /** Share of the guard's calls that fail. */
  failing = 0;

  readonly #queue: EventQueue;
  readonly #random: Random;
  readonly #network: Network;
  readonly #history: History;
  readonly #newBranchId: () => number;
  readonly counters = new Counters((upTo) => {
    this.copy.branch.sequences.push({ lsn: this.#insert(99), upTo });
  });
  readonly streaming: Streaming;
  readonly #waits = new StandbyWaits();
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
    this.streaming = new Streaming(this, options);
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
    this.counters.recover(this.copy);
    this.#noteOpen('started');
    this.streaming.begin(process);
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
    this.#waits.forget();
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
    if (!this.synchronous) this.#waits.wake(null);
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
    this.#waits.wakeEnded();
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
    const id = this.counters.takeId();
    const xid = this.counters.takeXid();
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
    if (waits && this.synchronous && (this.streaming.standbyHas ?? -1) < lsn) {
      await this.#waits.commit(session, write);
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
    await this.#waits.seen(session, write);
    if (!session.open) throw new SqlError('57P01', 'unknown');
    return { write, position: this.position() };
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

  /** It leaves its upstream and writes on a timeline of its own. */
  promote(by: 'guard' | 'hand'): Branch {
    if (this.role === 'primary') return this.copy.branch;
    const { branch: parent, lsn } = this.copy;
    this.counters.recover(this.copy);
    let timeline = 0;
    for (const branch of ancestry(parent)) timeline = Math.max(timeline, branch.timeline);
    const branch = newBranch({
      id: this.#newBranchId(),
      timeline: timeline + 1,
      parent,
      forkLsn: lsn,
      nextXid: this.counters.nextXid,
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
    this.streaming.standbyHas = null;
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
    this.streaming.pump();
  }

  #pause(process: SimProcess, ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#queue.after(ms, () => process.deliver(resolve));
    });
  }

  /** What its upstream sends is on its disk; false when it does not fit. */
  receive(source: Server, sent: Copy): boolean {
    if (!this.follows(source) || diverged(this.copy, sent)) return false;
    this.copy = sent;
    this.insertedLsn = sent.lsn;
    this.#queue.after(this.replayMs, () =>
      this.process?.deliver(() => {
        if (this.role === 'standby' && !diverged(this.replayed, sent)) this.replayed = sent;
      }),
    );
    return true;
  }

  standbyAnswered(): void {
    this.#waits.wake(this.synchronous ? this.streaming.standbyHas : null);
  }
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
