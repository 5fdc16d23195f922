import type { Answer, Packet, Question } from 'dns-packet';
import type { Clock } from 'throwover/kernel';
import { errorReply, type Reply } from './answer.ts';
import type { CachePolicy } from './behaviour.ts';
import type { Upstream } from './upstream.ts';
import { canonicalName } from './zone.ts';

/**
 * TTL of an expired answer, s: RFC 8767 says 30 in production; in the lab it is the shortest
 * possible.
 */
const staleTtl = 1;

/**
 * After a failed query upstream, a stale answer is given for this long without another query, ms:
 * RFC 8767's 30 s of life time, scaled by 60.
 */
const retryAfterFailureMs = 500;

/** Largest number of stored answers; the oldest is removed. */
const maxEntries = 10_000;

interface Entry {
  readonly reply: Reply;
  readonly storedAtMs: number;
  readonly endsAtMs: number;
  /** TTL given with the entry when it was stored, s; counted down from there. */
  readonly ttl: number;
}

/** A caching resolver for one policy, without sockets: it works with any clock and any upstream. */
export class ResolverCache {
  readonly #policy: CachePolicy;
  readonly #clock: Clock;
  readonly #upstream: Upstream;
  readonly #entries = new Map<string, Entry>();
  /** One query upstream for each question at a time; others wait for it. */
  readonly #looking = new Map<string, Promise<Entry>>();
  readonly #failedAtMs = new Map<string, number>();
  /** Questions that were answered before. The first answer may get a shorter life. */
  readonly #known = new Set<string>();

  constructor(options: { policy: CachePolicy; clock: Clock; upstream: Upstream }) {
    this.#policy = options.policy;
    this.#clock = options.clock;
    this.#upstream = options.upstream;
  }

  async resolve(question: Question): Promise<Reply> {
    const entry = this.#entries.get(keyOf(question));
    const nowMs = this.#clock.monotonicMs();
    if (entry !== undefined && nowMs < entry.endsAtMs) {
      const leftShare = (entry.endsAtMs - nowMs) / (entry.endsAtMs - entry.storedAtMs);
      if (leftShare < this.#policy.prefetchShare) this.#refreshBehind(question);
      return aged(entry, nowMs, question);
    }
    const stale =
      entry !== undefined && nowMs < entry.endsAtMs + this.#policy.staleMs ? entry : null;
    if (stale === null) return this.#fresh(question);
    if (this.#policy.staleAtOnce) {
      this.#refreshBehind(question);
      return aged(stale, nowMs, question);
    }
    if (this.#failedLately(question)) return aged(stale, nowMs, question);
    const reply = await this.#fresh(question);
    return reply.rcode === 'SERVFAIL' ? aged(stale, nowMs, question) : reply;
  }

  async #fresh(question: Question): Promise<Reply> {
    try {
      const entry = await this.#look(question);
      return aged(entry, this.#clock.monotonicMs(), question);
    } catch {
      return errorReply('SERVFAIL');
    }
  }

  #refreshBehind(question: Question): void {
    if (!this.#failedLately(question)) this.#look(question).catch(() => {});
  }

  #failedLately(question: Question): boolean {
    const atMs = this.#failedAtMs.get(keyOf(question));
    return atMs !== undefined && this.#clock.monotonicMs() - atMs < retryAfterFailureMs;
  }

  #look(question: Question): Promise<Entry> {
    const key = keyOf(question);
    const already = this.#looking.get(key);
    if (already !== undefined) return already;
    const looking = this.#ask(question, key).finally(() => this.#looking.delete(key));
    this.#looking.set(key, looking);
    return looking;
  }

  async #ask(question: Question, key: string): Promise<Entry> {
    try {
      const packet = await this.#upstream({ ...question, name: canonicalName(question.name) });
      // Names in a delegated zone are created for a measurement: nobody has asked for them before.
      const young = packet.referred === true || this.#known.has(key);
      const entry = this.#entryOf(packet, young ? 0 : this.#policy.firstAgeShare);
      this.#known.add(key);
      this.#failedAtMs.delete(key);
      keepNewest(this.#entries, key, entry);
      return entry;
    } catch (error) {
      keepNewest(this.#failedAtMs, key, this.#clock.monotonicMs());
      throw error;
    }
  }

  #entryOf(packet: Packet & { rcode?: string }, ageShare: number): Entry {
    const rcode = packet.rcode ?? 'SERVFAIL';
    if (rcode !== 'NOERROR' && rcode !== 'NXDOMAIN') throw new Error(`upstream says ${rcode}`);
    const answers = packet.answers ?? [];
    const authorities = packet.authorities ?? [];
    const storedAtMs = this.#clock.monotonicMs();
    const positive = answers.length > 0;
    const keepMs = positive
      ? Math.max(shortestTtl(answers) * 1000, this.#policy.minimumMs) * (1 - ageShare)
      : negativeTtl(authorities) * 1000;
    return {
      reply: { rcode, authoritative: false, answers, authorities },
      storedAtMs,
      endsAtMs: storedAtMs + keepMs,
      ttl: Math.ceil(keepMs / 1000),
    };
  }
}

/** Puts an entry at the end, and removes the oldest when there are too many. */
function keepNewest<T>(all: Map<string, T>, key: string, value: T): void {
  all.delete(key);
  all.set(key, value);
  const [oldest] = all.keys();
  if (all.size > maxEntries && oldest !== undefined) all.delete(oldest);
}

/**
 * Returns the entry in its present state: TTLs are counted down by whole seconds, as in resolvers
 * with a clock of seconds.
 */
function aged(entry: Entry, nowMs: number, question: Question): Reply {
  const left = entry.ttl - Math.floor((nowMs - entry.storedAtMs) / 1000);
  const ttl = nowMs >= entry.endsAtMs ? staleTtl : Math.max(1, left);
  const age = (records: readonly Answer[]) =>
    records.map((record): Answer => {
      if (record.type === 'OPT') return record;
      // The name is returned in the letter case of the question (0x20).
      const same = canonicalName(record.name) === canonicalName(question.name);
      return { ...record, ttl, name: same ? question.name : record.name } as Answer;
    });
  const { reply } = entry;
  return { ...reply, answers: age(reply.answers), authorities: age(reply.authorities) };
}

function keyOf({ name, type }: Question): string {
  return `${canonicalName(name)} ${type}`;
}

function shortestTtl(answers: readonly Answer[]): number {
  return Math.min(...answers.map((record) => ('ttl' in record ? (record.ttl ?? 0) : 0)));
}

/** RFC 2308: the lower of the SOA's TTL and its minimum; without a SOA nothing is cached. */
function negativeTtl(authorities: readonly Answer[]): number {
  const soa = authorities.find((record) => record.type === 'SOA');
  return soa === undefined ? 0 : Math.min(soa.ttl ?? 0, soa.data.minimum ?? 0);
}
