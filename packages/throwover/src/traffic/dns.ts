import { trafficErrors } from './errors.ts';

/**
 * Port: the one record set that sends traffic to a region.
 *
 * A4: a write is compare-and-set on a generation that is stored with the record (in a TXT record
 * beside it), in one atomic change; an empty answer is refused; the last good answer is never
 * deleted without its successor. Errors: `dns-lost-race`, `dns-empty-answer`, `dns-unreachable`,
 * `dns-record-foreign` (it has no generation, so throwover must not change it before it is
 * adopted).
 */
export interface DnsRecord {
  /** Never with a trailing dot; lower case: `checkout.example.test`. */
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
   * Makes one atomic change from exactly `old` to `next`, each with its generation. Safe to repeat:
   * a change that is already made counts as done, not as a lost race.
   */
  replace(old: DnsRecord, next: DnsRecord): Promise<void>;
  /**
   * Returns the present answers of the authoritative servers, asked over DNS if their addresses are
   * known, otherwise through the provider's API.
   */
  readBack(): Promise<readonly string[]>;
}

/** A provider that can also adopt a record that the team created. */
export interface AdoptableDns extends DnsProvider {
  /**
   * Adds generation 1 to a record that has none, if the record has not changed since it was read.
   * Used once, at setup; afterwards it changes nothing.
   */
  adopt(first: Pick<Generation, 'epoch' | 'region'>): Promise<DnsRecord>;
}

/** Whether two reads of one record are the same, with values in any order. */
export function sameRecord(a: DnsRecord, b: DnsRecord): boolean {
  return (
    a.ttlSeconds === b.ttlSeconds &&
    sameValues(a.values, b.values) &&
    a.generation.number === b.generation.number &&
    a.generation.epoch === b.generation.epoch &&
    a.generation.region === b.generation.region
  );
}

/**
 * Whether two answers are the same, in any order. A host name is the same with and without the dot
 * at its end.
 */
export function sameValues(a: readonly string[], b: readonly string[]): boolean {
  const plain = (values: readonly string[]) =>
    values.map((value) => value.toLowerCase().replace(/\.$/, '')).sort();
  return plain(a).join() === plain(b).join();
}

/** Refuses a change that no provider may make: to an empty answer, or of another record. */
export function mustBeAnswerOf(
  { name, type }: Pick<DnsRecord, 'name' | 'type'>,
  { old, next }: { readonly old: DnsRecord; readonly next: DnsRecord },
): void {
  if (next.values.length === 0) {
    const message = `an empty answer for ${name} would take the service off the net`;
    throw trafficErrors.make('dns-empty-answer', message, { old, next });
  }
  if (next.name !== name || next.type !== type) throw new Error(`not our record: ${next.name}`);
}

/** The error of a change that somebody else was quicker with. `refusal`: what the provider said. */
export function lostRace(
  seen: { readonly expected: DnsRecord; readonly found: DnsRecord; readonly refusal?: string },
  cause?: unknown,
) {
  const { name, generation } = seen.found;
  const { number, epoch, region } = generation;
  const message = `${name} is now generation ${number}, epoch ${epoch}, for ${region}`;
  return trafficErrors.make('dns-lost-race', message, seen, cause);
}
