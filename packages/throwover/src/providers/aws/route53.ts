import type { InvalidChangeBatch, ResourceRecordSet } from '@aws-sdk/client-route-53';
import {
  type AdoptableDns,
  type DnsRecord,
  generationName,
  lostRace,
  mustBeAnswerOf,
  sameRecord,
  trafficErrors,
} from '../../traffic/traffic.ts';
import { askNameservers } from '../nameservers.ts';
import { Route53Api, type Route53ApiOptions } from './route53-api.ts';
import { generationOf, generationSet, type Routing, recordOf, setsFor } from './route53-sets.ts';

export interface Route53Options extends Route53ApiOptions {
  /** How the record's sets are distinguished; default: one plain set. */
  readonly routing?: Routing;
  /** `ip:port` of the authoritative servers; read-back asks them instead of the API. */
  readonly nameservers?: readonly string[];
}

/**
 * One record in Route 53, changed by compare-and-set (A4). Changing records uses Route 53's control
 * plane, which is in us-east-1.
 *
 * Route 53 refuses a batch whose DELETE does not name the current values, TTL and weight exactly,
 * and makes a batch completely or not at all. So a batch of DELETE old, DELETE old generation,
 * CREATE new generation, CREATE new is a compare-and-set, without an extra lock.
 */
export function route53Dns(options: Route53Options): AdoptableDns {
  const { name, type, nameservers, routing = 'simple' } = options;
  const api = new Route53Api(options);

  async function look() {
    const { sets, txt } = await api.look();
    const record = recordOf(sets, { name, type, routing });
    return { sets, record, generation: generationOf(txt) };
  }

  async function readSets(): Promise<{ now: DnsRecord; sets: readonly ResourceRecordSet[] }> {
    const { sets, record, generation } = await look();
    if (generation !== null) return { now: { ...record, generation }, sets };
    const message = `${name} ${type} has no readable generation at ${generationName(name)}`;
    throw trafficErrors.make('dns-record-foreign', message, { name, values: record.values });
  }

  const read = async () => (await readSets()).now;

  async function replace(old: DnsRecord, next: DnsRecord): Promise<void> {
    mustBeAnswerOf(options, { old, next });
    const { now, sets } = await readSets();
    if (!sameRecord(now, old)) return judge(now, old, next, null);
    const refusal = await api.change(`${next.generation.region}, epoch ${next.generation.epoch}`, [
      ...sets.map((set) => ({ Action: 'DELETE' as const, ResourceRecordSet: set })),
      { Action: 'DELETE', ResourceRecordSet: generationSet(name, old.generation) },
      { Action: 'CREATE', ResourceRecordSet: generationSet(name, next.generation) },
      ...setsFor(sets, next, routing).map((set) => ({
        Action: 'CREATE' as const,
        ResourceRecordSet: set,
      })),
    ]);
    if (refusal !== null) judge(await read(), old, next, refusal);
  }

  /**
   * Decides about a change that could not be made: already done (a repeated request), lost to
   * another writer, or invalid.
   */
  function judge(
    now: DnsRecord,
    old: DnsRecord,
    next: DnsRecord,
    refusal: InvalidChangeBatch | null,
  ): void {
    if (sameRecord(now, next)) return;
    if (refusal !== null && sameRecord(now, old)) {
      const words = wordsOf(refusal);
      throw trafficErrors.make('dns-refused', `Route 53: ${words}`, { old, next }, refusal);
    }
    throw lostRace({ expected: old, found: now }, refusal);
  }

  return {
    read,
    replace,
    readBack: async () =>
      nameservers === undefined
        ? (await look()).record.values
        : askNameservers(nameservers, { name, type }),
    adopt: async (first) => {
      const { sets, record, generation } = await look();
      if (generation !== null) return { ...record, generation };
      const adopted: DnsRecord = { ...record, generation: { number: 1, ...first } };
      // The record is deleted and created again unchanged, so that it cannot change in between.
      const refusal = await api.change('adopted by throwover', [
        ...sets.flatMap((set) => [
          { Action: 'DELETE' as const, ResourceRecordSet: set },
          { Action: 'CREATE' as const, ResourceRecordSet: set },
        ]),
        { Action: 'CREATE', ResourceRecordSet: generationSet(name, adopted.generation) },
      ]);
      if (refusal === null) return adopted;
      const words = wordsOf(refusal);
      const expected = { expected: record };
      throw trafficErrors.make('dns-lost-race', `Route 53: ${words}`, expected, refusal);
    },
  };
}

/** AWS sends its messages as one text, in brackets; its documentation shows a list. */
function wordsOf({ message, messages = [] }: InvalidChangeBatch): string {
  return messages.length > 0 ? messages.join('; ') : message;
}
