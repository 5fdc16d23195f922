import type { Position } from '@throwover/client';
import type { Attachment, Salvaged } from '../../authority/authority.ts';
import type { Common } from '../world/common.ts';
import { type Machine, SimProcess } from '../world/machine.ts';
import { Counters } from './counters.ts';
import {
  ancestry,
  type Branch,
  type Copy,
  commonPoint,
  diverged,
  firstBranch,
  heldRecords,
  holds,
  newBranch,
  type PromotionRow,
  positionAt,
  rootOf,
  type Write,
} from './history-of-writes.ts';
import { type Acknowledged, type Session, SqlError } from './sql.ts';
import { StandbyWaits } from './standby-waits.ts';
import { Streaming } from './streaming.ts';

const writeBytes = 120;

/**
 * How much further ahead the log of a foreign standby is: by its position alone it would be the one
 * to promote.
 */
const foreignAheadBytes = 0x1000000;

/** A data directory. */
interface Data {
  readonly copy: Copy;
  readonly role: 'primary' | 'standby';
  readonly upstream: Server | null;
}

/**
 * A model of one PostgreSQL server and its data directory, as far as they determine who may write.
 *
 * Modelled: timelines and the log, flush and loss of unflushed data, streaming with lag,
 * synchronous commit, pg_hba.conf on disk and as loaded, sessions that outlive a closed door, an
 * unlogged lease row, sequences that are logged ahead, transaction ids, rewind.
 */
export class Server {
  readonly region: string;
  readonly machine: Machine;
  /** The data on disk. */
  copy: Copy;
  role: 'primary' | 'standby';
  upstream: Server | null = null;
  hbaOnDisk: 'open' | 'closed' = 'open';
  #hbaBy: 'guard' | 'somebody' = 'guard';
  /** Number of times pg_hba.conf was written, and loaded. */
  hbaWrites = 0;
  hbaLoads = 0;
  /** Fault: this number of logins succeed although the door is closed. */
  slips = 0;
  synchronousOnDisk = false;
  /** A rewind was begun and has not ended, so the server cannot start. */
  unusable = false;
  /** Its guard is about to attach it as a standby. */
  attaching = false;
  /** The part of its lost tail that was salvaged, by the epoch into which it comes back. */
  readonly salvaged = new Map<number, Salvaged>();
  /** How it was last made a standby, and for which epoch. */
  attached: { readonly epoch: number; readonly attachment: Attachment } | null = null;
  /** State in memory, which ends with the process. */
  process: SimProcess | null = null;
  hba: 'open' | 'closed' = 'open';
  synchronous = false;
  lease: { wallMs: number; bootMs: number } | null = null;
  readonly sessions = new Set<Session>();
  /** Transactions that have an id and have not ended. */
  readonly openXids = new Set<number>();
  /** On a primary: end of the log, flushed or not. */
  insertedLsn: number;
  /** It was promoted since its process was started. */
  promotedSinceStart = false;
  replayed: Copy;
  /** Strict mode: statements check the lease row. */
  readonly strict: boolean;
  /** Time until received data is replayed, ms; faults of the world change it. */
  replayMs = 1;
  /** Share of the guard's calls that fail. */
  failing = 0;

  readonly #common: Common & { readonly newBranchId: () => number };
  readonly counters = new Counters((upTo) => {
    this.copy.branch.sequences.push({ lsn: this.#insert(99), upTo });
  });
  readonly streaming: Streaming;
  /** `wal_receiver_timeout`, ms; 0: a silent primary is noticed at once. */
  receiverTimeoutMs = 0;
  #heardMs = Number.NEGATIVE_INFINITY;
  readonly #waits = new StandbyWaits();
  #wasOpen = false;

  constructor(
    options: Common & {
      region: string;
      machine: Machine;
      strict: boolean;
      copy: Copy;
      role: 'primary' | 'standby';
      newBranchId: () => number;
    },
  ) {
    this.region = options.region;
    this.machine = options.machine;
    this.strict = options.strict;
    this.copy = options.copy;
    this.replayed = options.copy;
    this.insertedLsn = options.copy.lsn;
    this.role = options.role;
    this.#common = options;
    this.streaming = new Streaming(this, options);
  }

  get running(): boolean {
    return this.process?.alive === true;
  }

  start(): void {
    if (this.running || this.unusable) return;
    const process = new SimProcess(`${this.region}/postgres`, this.machine);
    this.process = process;
    process.onEnd(() => this.#ended());
    this.#load();
    this.lease = null;
    this.promotedSinceStart = false;
    this.replayed = this.copy;
    this.insertedLsn = this.copy.lsn;
    this.counters.recover(this.copy);
    this.#noteOpen(this.#hbaBy === 'guard' ? 'started' : this.#loadedWhy());
    this.streaming.begin(process);
  }

  /**
   * Ends the server as a kill does: unflushed data is lost, sessions end, the unlogged row is empty
   * afterwards.
   */
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

  /** Reloads: the file in its present form takes effect. */
  reload(): void {
    this.#load();
    if (!this.synchronous) this.#waits.wake(null);
    this.#noteOpen(this.#loadedWhy());
  }

  #load(): void {
    this.hba = this.hbaOnDisk;
    this.hbaLoads += 1;
    this.synchronous = this.synchronousOnDisk;
  }

  /** Whoever reloads, the door is as the last writer of the file wanted it. */
  #loadedWhy(): string {
    return `${this.#hbaBy}: ${this.hba}`;
  }

  /** Writes pg_hba.conf; anybody may call this. */
  writeHba(door: 'open' | 'closed', by: 'guard' | 'somebody'): void {
    this.hbaOnDisk = door;
    this.#hbaBy = by;
    this.hbaWrites += 1;
  }

  connect(): Session {
    if (!this.running) throw new SqlError('08006', 'no');
    if (this.hba === 'closed' && !this.#slipsIn()) throw new SqlError('28000', 'no');
    const session = { open: true, busy: false };
    this.sessions.add(session);
    return session;
  }

  #slipsIn(): boolean {
    if (this.slips === 0) return false;
    this.slips -= 1;
    this.#common.history.note({ type: 'slipped-in', region: this.region });
    return true;
  }

  endSession(session: Session): void {
    session.open = false;
    this.sessions.delete(session);
    this.#waits.wakeEnded();
  }

  /** Runs one statement and its commit; resolves when the server reports "committed". */
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
    const begunMs = this.#common.queue.nowMs();
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
      committedMs: this.#common.queue.nowMs(),
      event: input.event,
      acknowledgedMs: null,
      vanished: false,
      covered: null,
    };
    branch.writes.push(write);
    branch.byXid.set(xid, write);
    if (input.event !== null) branch.byEvent.set(input.event, write);
    const waits = this.synchronous;
    await this.flush(process);
    if (waits && this.synchronous && (this.streaming.standbyHas ?? -1) < lsn) {
      await this.#waits.commit(session, write);
    }
    if (!session.open) throw new SqlError('57P01', 'unknown');
    write.acknowledgedMs = this.#common.queue.nowMs();
    this.onAcknowledged?.(write);
    this.#common.history.mix(`w${write.key}:${lsn}`);
    return { write, position: this.position() };
  }

  /**
   * The event's effect exists already. A commit that still waits for the standby is not visible
   * yet; one whose wait was cut off is visible, although the standby never got it.
   */
  async #alreadyDone(session: Session, write: Write): Promise<Acknowledged> {
    await this.#waits.seen(session, write);
    if (!session.open) throw new SqlError('57P01', 'unknown');
    return { write, position: this.position() };
  }

  /** Called for each acknowledged write, at that instant. */
  onAcknowledged: ((write: Write) => void) | null = null;

  leaseHolds(): boolean {
    const { lease, machine } = this;
    return lease !== null && machine.wallMs() < lease.wallMs && machine.bootMs() < lease.bootMs;
  }

  /** Returns its write position on a primary, or its position on disk on a standby. */
  position(): Position {
    return positionAt(this.copy.branch, this.role === 'primary' ? this.insertedLsn : this.copy.lsn);
  }

  /** Writes a record without a transaction: a checkpoint, a snapshot of running transactions. */
  noise(): void {
    if (!this.running || this.role !== 'primary') return;
    this.#insert(56);
    const { process } = this;
    if (process !== null) void this.flush(process);
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

  /** Promotes: it leaves its upstream and writes on a new timeline. */
  promote(by: 'guard' | 'hand'): Branch {
    if (this.role === 'primary') return this.copy.branch;
    const { branch: parent, lsn } = this.copy;
    this.counters.recover(this.copy);
    const timelines = [...ancestry(parent)].map(({ timeline }) => timeline);
    const branch = newBranch({
      id: this.#common.newBranchId(),
      timeline: Math.max(...timelines) + 1,
      parent,
      forkLsn: lsn,
      nextXid: this.counters.nextXid,
      region: this.region,
      bornMs: this.#common.queue.nowMs(),
      by,
    });
    this.copy = { branch, lsn };
    this.replayed = this.copy;
    this.insertedLsn = lsn;
    this.role = 'primary';
    this.promotedSinceStart = true;
    this.upstream = null;
    this.lease = null;
    this.streaming.standbyHas = null;
    this.#common.history.note({ type: 'promoted', region: this.region, branch });
    this.#noteOpen('promoted');
    return branch;
  }

  /** Rewinds while the server is down: its own tail is removed, and it can follow `source`. */
  rewindTo(source: Server): void {
    const from = { branch: source.copy.branch, lsn: source.copy.lsn };
    const { branch } = this.copy;
    if (rootOf(branch) === rootOf(from.branch)) this.copy = commonPoint(this.copy, from);
    else {
      this.copy = from;
      this.#common.history.note({ type: 'foreign-data-replaced', region: this.region, branch });
    }
    this.replayed = this.copy;
    this.insertedLsn = this.copy.lsn;
  }

  /**
   * A person puts another data directory here: that of a standby of another cluster, further ahead
   * in its log.
   */
  putForeign(): void {
    if (this.#setAside !== null) return;
    const { copy, role, upstream } = this;
    this.crash();
    this.#setAside = { copy: this.copy, role, upstream };
    const id = this.#common.newBranchId();
    const branch = firstBranch({ id, region: this.region, bornMs: this.#common.queue.nowMs() });
    this.#putData({
      copy: { branch, lsn: copy.lsn + foreignAheadBytes },
      role: 'standby',
      upstream: null,
    });
  }

  /** The person removes it again: the previous data directory is back. */
  putOwnBack(): void {
    const data = this.#setAside;
    this.#setAside = null;
    // The data was replaced meanwhile, which the checkers have seen.
    if (data === null || rootOf(this.copy.branch) === rootOf(data.copy.branch)) return;
    this.crash();
    this.#putData(data);
  }
  #setAside: Data | null = null;

  /**
   * The data on this disk: its own, and the data that a person has put aside for another cluster's.
   */
  get stored(): readonly Copy[] {
    return this.#setAside === null ? [this.copy] : [this.copy, this.#setAside.copy];
  }

  #putData({ copy, role, upstream }: Data): void {
    this.copy = copy;
    this.replayed = copy;
    this.insertedLsn = copy.lsn;
    this.role = role;
    this.upstream = upstream;
    // A primary is not started here: it must be closed first, as the guard does.
    if (role === 'standby') this.start();
  }

  canFollow(source: Server): boolean {
    return !diverged(this.copy, source.copy);
  }

  /**
   * Returns what its receiver reports: a receiver that hears nothing from a silent machine waits
   * for its timeout.
   */
  saysStreaming(source: Server): boolean {
    const nowMs = this.#common.queue.nowMs();
    if (this.follows(source)) {
      this.#heardMs = nowMs;
      return true;
    }
    const silent =
      source.machine.still ||
      !source.running ||
      !this.#common.network.reaches(this.region, source.region);
    const receives = this.running && this.role === 'standby' && this.upstream === source;
    return receives && silent && nowMs - this.#heardMs < this.receiverTimeoutMs;
  }

  follows(source: Server): boolean {
    return (
      this.running &&
      this.role === 'standby' &&
      this.upstream === source &&
      source.running &&
      this.#common.network.reaches(this.region, source.region) &&
      this.canFollow(source)
    );
  }

  get takesWrites(): boolean {
    return this.running && this.role === 'primary' && this.hba === 'open';
  }

  #noteOpen(why: string): void {
    const open = this.takesWrites;
    if (open !== this.#wasOpen) {
      this.#wasOpen = open;
      const { branch } = this.copy;
      this.#common.history.note({
        type: open ? 'opened' : 'closed',
        region: this.region,
        branch,
        why,
      });
    }
    this.noteWritable();
  }

  /** Notes the first moment at which this branch could take a write. */
  noteWritable(): void {
    const { branch } = this.copy;
    if (!this.takesWrites || (this.strict && !this.leaseHolds())) return;
    if (this.#writable === branch) return;
    this.#writable = branch;
    this.#common.history.note({ type: 'writable', region: this.region, branch });
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

  /** Resolves when everything is on disk. */
  async flush(process: SimProcess): Promise<void> {
    const upTo = this.insertedLsn;
    await this.#pause(process, 0.1 + 2 * this.#common.random.next());
    if (this.role === 'primary' && upTo > this.copy.lsn) {
      this.copy = { branch: this.copy.branch, lsn: upTo };
      this.replayed = this.copy;
    }
    this.streaming.pump();
  }

  #pause(process: SimProcess, ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#common.queue.after(ms, () => process.deliver(resolve));
    });
  }

  /** Stores what its upstream sends on disk; false when it does not fit. */
  receive(source: Server, sent: Copy): boolean {
    if (!this.follows(source) || diverged(this.copy, sent)) return false;
    this.copy = sent;
    this.insertedLsn = sent.lsn;
    this.#common.queue.after(this.replayMs, () => {
      this.#common.queue.nothingMoved();
      this.process?.deliver(() => {
        if (this.role === 'standby' && !diverged(this.replayed, sent)) this.replayed = sent;
      });
    });
    return true;
  }

  standbyAnswered(): boolean {
    return this.#waits.wake(this.synchronous ? this.streaming.standbyHas : null);
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
