/**
 * Port: the one record set that sends traffic to a region.
 *
 * A4: a write is compare-and-set on a generation that is stored with the record (in a TXT record
 * beside it), in one atomic change; an empty answer is refused; the last good answer is never deleted
 * without its successor. Errors: `dns-lost-race`, `dns-empty-answer`, `dns-unreachable`,
 * `dns-record-foreign` (no generation beside it: not ours to change until adopted).
 */
export interface DnsRecord {
  /** With a trailing dot never; lower case: `checkout.example.test`. */
  readonly name: string;
  readonly type: 'A' | 'AAAA' | 'CNAME';
  /** Seconds, as written in the zone. */
  readonly ttlSeconds: number;
  readonly values: readonly string[];
  readonly generation: Generation;
}

/** Grows by one with each change; names the epoch and region that it was written for. */
export interface Generation {
  readonly number: number;
  readonly epoch: number;
  readonly region: string;
}

export interface DnsProvider {
  read(): Promise<DnsRecord>;
  /**
   * One atomic change from exactly `old` to `next`, each with its generation. Safe to repeat: a change
   * that is made already is done, not lost.
   */
  replace(old: DnsRecord, next: DnsRecord): Promise<void>;
  /** What the authoritative servers answer now, asked over DNS where addresses are known, else by the provider's API. */
  readBack(): Promise<readonly string[]>;
}

/** What a service is composed with: a record of the team's becomes ours first. */
export interface AdoptableDns extends DnsProvider {
  /**
   * Puts generation 1 beside a record that has none, if the record is still what was read. Once, at
   * setup; then it changes nothing.
   */
  adopt(first: Pick<Generation, 'epoch' | 'region'>): Promise<DnsRecord>;
}

/** Two reads of one record show the same: values in any order. */
export function sameRecord(a: DnsRecord, b: DnsRecord): boolean {
  return (
    a.ttlSeconds === b.ttlSeconds &&
    sameValues(a.values, b.values) &&
    a.generation.number === b.generation.number &&
    a.generation.epoch === b.generation.epoch &&
    a.generation.region === b.generation.region
  );
}

/** The same answers, in any order. A host name is the same with and without the dot at its end. */
export function sameValues(a: readonly string[], b: readonly string[]): boolean {
  const plain = (values: readonly string[]) =>
    values.map((value) => value.toLowerCase().replace(/\.$/, '')).sort();
  return plain(a).join() === plain(b).join();
}
