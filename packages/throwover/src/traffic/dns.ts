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
  /** One atomic batch: DELETE of the exact old set and its generation, CREATE of the new. */
  replace(old: DnsRecord, next: DnsRecord): Promise<void>;
  /** What the authoritative servers answer now, asked over DNS where addresses are known, else by the provider's API. */
  readBack(): Promise<readonly string[]>;
}
