import { type Copy, heldRecords } from './history-of-writes.ts';

/** A sequence writes to the log every 32 ids, for 32 ids ahead, as PostgreSQL does. */
const sequenceAhead = 32;

/**
 * Ids of a sequence and of transactions: in memory, and after a crash or a promotion read from the
 * log.
 */
export class Counters {
  nextXid = 1;
  #nextId = 1;
  #idsLogged = 0;
  readonly #log: (upTo: number) => void;

  /** `log` records up to which id the sequence may be used before the next record. */
  constructor(log: (upTo: number) => void) {
    this.#log = log;
  }

  takeXid(): number {
    return this.nextXid++;
  }

  takeId(): number {
    if (this.#nextId > this.#idsLogged) {
      this.#idsLogged = this.#nextId + sequenceAhead;
      this.#log(this.#idsLogged);
    }
    return this.#nextId++;
  }

  advanceIds(by: number): void {
    this.#idsLogged += by;
    this.#nextId = this.#idsLogged + 1;
    this.#log(this.#idsLogged);
  }

  recover(copy: Copy): void {
    const upTo = heldRecords(copy, ({ sequences }) => sequences);
    this.#idsLogged = upTo.reduce((most, record) => Math.max(most, record.upTo), 0);
    this.#nextId = this.#idsLogged + 1;
    const written = heldRecords(copy, ({ writes }) => writes);
    this.nextXid = written.reduce((most, { xid }) => Math.max(most, xid + 1), copy.branch.nextXid);
  }
}
