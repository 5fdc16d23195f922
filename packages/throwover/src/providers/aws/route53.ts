import { isDeepStrictEqual } from 'node:util';
import type {
  Change,
  InvalidChangeBatch,
  ResourceRecordSet,
  Route53Client,
} from '@aws-sdk/client-route-53';
import type { DnsProvider, DnsRecord, Generation } from '../../traffic/dns.ts';
import { trafficErrors } from '../../traffic/errors.ts';
import {
  formatGeneration,
  generationName,
  generationTtlSeconds,
  parseGeneration,
} from './generation.ts';
import { askNameservers } from './nameservers.ts';

/** Longest time for a connection to Route 53 and for one answer, ms; AWS answers a change in about 300. */
const connectTimeoutMs = 2_000;
const requestTimeoutMs = 10_000;

/** Tries by the SDK, on throttling (5 requests/s an account), 5xx and broken connections. */
const maxAttempts = 4;

/** The record and the generation below it lie side by side in Route 53's order, so that one page shows both at one instant. */
const pageSize = 100;

/** Route 53 is global; the SDK wants a region for the signature. */
const signingRegion = 'us-east-1';

export interface Route53Options {
  /** Base URL of the API; AWS's own when it is left out. Credentials come from where the SDK looks for them. */
  readonly endpoint?: string;
  readonly zoneId: string;
  readonly name: string;
  readonly type: DnsRecord['type'];
  /** `ip:port` of the authoritative servers; read-back asks them instead of the API. */
  readonly nameservers?: readonly string[];
}

export interface Route53Dns extends DnsProvider {
  /** Puts generation 1 beside a record that has none, if the record is still what was read. Once, at setup; then it changes nothing. */
  adopt(first: { epoch: number; region: string }): Promise<DnsRecord>;
}

/**
 * One record set in Route 53, changed by compare-and-set (A4).
 *
 * Route 53 refuses a batch whose DELETE does not name the current values and TTL exactly, and makes a
 * batch as a whole or not at all. So a batch of DELETE old, DELETE old generation, CREATE new
 * generation, CREATE new is a compare-and-set, without a lock of ours.
 */
export function route53Dns(options: Route53Options): Route53Dns {
  const { name, type, nameservers } = options;
  const api = new Route53Api(options);

  async function read(): Promise<DnsRecord> {
    const { record, generation } = await api.look();
    if (generation !== null) return { ...record, generation };
    const message = `${name} ${type} has no readable generation at ${generationName(name)}`;
    throw trafficErrors.make('dns-record-foreign', message, { name, values: record.values });
  }

  async function replace(old: DnsRecord, next: DnsRecord): Promise<void> {
    if (next.values.length === 0) {
      const message = `an empty answer for ${name} would take the service off the net`;
      throw trafficErrors.make('dns-empty-answer', message, { old, next });
    }
    if (next.name !== name || next.type !== type) throw new Error(`not our record: ${next.name}`);
    const refusal = await api.change(`${next.generation.region}, epoch ${next.generation.epoch}`, [
      { Action: 'DELETE', ResourceRecordSet: recordSet(old) },
      { Action: 'DELETE', ResourceRecordSet: generationSet(name, old.generation) },
      { Action: 'CREATE', ResourceRecordSet: generationSet(name, next.generation) },
      { Action: 'CREATE', ResourceRecordSet: recordSet(next) },
    ]);
    if (refusal !== null) await explain(refusal, old, next);
  }

  /** A refused batch: done already (a repeated request), lost to another writer, or wrong in itself. */
  async function explain(refusal: InvalidChangeBatch, old: DnsRecord, next: DnsRecord) {
    const now = await read();
    if (same(now, next)) return;
    const words = wordsOf(refusal);
    if (same(now, old)) {
      throw trafficErrors.make('dns-refused', `Route 53: ${words}`, { old, next }, refusal);
    }
    const { number, epoch, region } = now.generation;
    const message = `${name} is now generation ${number}, epoch ${epoch}, for ${region}`;
    throw trafficErrors.make('dns-lost-race', message, { expected: old, found: now }, refusal);
  }

  return {
    read,
    replace,
    readBack: async () =>
      nameservers === undefined
        ? (await api.look()).record.values
        : askNameservers(nameservers, { name, type }),
    adopt: async (first) => {
      const { record, generation } = await api.look();
      if (generation !== null) return { ...record, generation };
      const adopted: DnsRecord = { ...record, generation: { number: 1, ...first } };
      // The record is deleted and made again as it was, so that it cannot change in between.
      const refusal = await api.change('adopted by throwover', [
        { Action: 'DELETE', ResourceRecordSet: recordSet(record) },
        { Action: 'CREATE', ResourceRecordSet: recordSet(record) },
        { Action: 'CREATE', ResourceRecordSet: generationSet(name, adopted.generation) },
      ]);
      if (refusal === null) return adopted;
      const words = wordsOf(refusal);
      throw trafficErrors.make(
        'dns-lost-race',
        `Route 53: ${words}`,
        { expected: record },
        refusal,
      );
    },
  };
}

type PlainRecord = Omit<DnsRecord, 'generation'>;

/** The two calls of the API, and its errors in our words. */
class Route53Api {
  readonly #options: Route53Options;
  #connected: Promise<{ sdk: Sdk; client: Route53Client }> | null = null;

  constructor(options: Route53Options) {
    this.#options = options;
  }

  async look(): Promise<{ record: PlainRecord; generation: Generation | null }> {
    const { name, type } = this.#options;
    const txtName = generationName(name);
    const first = await this.#list(name, type);
    const set = first.find((candidate) => isSet(candidate, name, type));
    if (set === undefined) {
      const message = `there is no record ${name} ${type} in zone ${this.#options.zoneId}`;
      throw trafficErrors.make('dns-record-missing', message, { name, type });
    }
    const isGeneration = (candidate: ResourceRecordSet) => isSet(candidate, txtName, 'TXT');
    const txt = first.find(isGeneration) ?? (await this.#list(txtName, 'TXT')).find(isGeneration);
    return { record: plainRecord(set, name, type), generation: generationOf(txt) };
  }

  /** `null` when the batch was made; the refusal when Route 53 made none of it. */
  async change(comment: string, changes: Change[]): Promise<InvalidChangeBatch | null> {
    return this.#call(async ({ sdk, client }) => {
      try {
        await client.send(
          new sdk.ChangeResourceRecordSetsCommand({
            HostedZoneId: this.#options.zoneId,
            ChangeBatch: { Comment: `throwover: ${comment}`, Changes: changes },
          }),
        );
        return null;
      } catch (error) {
        if (error instanceof sdk.InvalidChangeBatch) return error;
        throw error;
      }
    });
  }

  #list(name: string, type: DnsRecord['type'] | 'TXT'): Promise<ResourceRecordSet[]> {
    return this.#call(async ({ sdk, client }) => {
      const { ResourceRecordSets } = await client.send(
        new sdk.ListResourceRecordSetsCommand({
          HostedZoneId: this.#options.zoneId,
          StartRecordName: name,
          StartRecordType: type,
          MaxItems: pageSize,
        }),
      );
      return ResourceRecordSets ?? [];
    });
  }

  async #call<T>(work: (api: { sdk: Sdk; client: Route53Client }) => Promise<T>): Promise<T> {
    this.#connected ??= connect(this.#options.endpoint);
    const api = await this.#connected;
    try {
      return await work(api);
    } catch (error) {
      const where = this.#options.endpoint ?? 'Route 53';
      const cause = error instanceof Error ? error : new Error(String(error));
      const message = `${where}: ${cause.name}: ${cause.message}`;
      const code = isAnswer(api.sdk, cause) ? 'dns-refused' : 'dns-unreachable';
      throw trafficErrors.make(code, message, { zoneId: this.#options.zoneId }, cause);
    }
  }
}

type Sdk = typeof import('@aws-sdk/client-route-53');

/** Loaded when first used: a service on another provider never pays for it. */
async function connect(endpoint: string | undefined): Promise<{ sdk: Sdk; client: Route53Client }> {
  const sdk = await import('@aws-sdk/client-route-53');
  const client = new sdk.Route53Client({
    region: signingRegion,
    maxAttempts,
    requestHandler: {
      connectionTimeout: connectTimeoutMs,
      requestTimeout: requestTimeoutMs,
      throwOnRequestTimeout: true,
    },
    ...(endpoint !== undefined && { endpoint }),
  });
  return { sdk, client };
}

/** Route 53 itself said no, and would say it again. Throttling and its own failures are no such answer. */
function isAnswer(sdk: Sdk, error: Error): boolean {
  if (!(error instanceof sdk.Route53ServiceException)) return false;
  const status = error.$metadata.httpStatusCode ?? 500;
  const busy = error.name === 'PriorRequestNotComplete' || error.name.startsWith('Throttl');
  return status >= 400 && status < 500 && status !== 429 && !busy;
}

function recordSet({ name, type, ttlSeconds, values }: PlainRecord): ResourceRecordSet {
  return {
    Name: name,
    Type: type,
    TTL: ttlSeconds,
    ResourceRecords: values.map((Value) => ({ Value })),
  };
}

function generationSet(name: string, generation: Generation): ResourceRecordSet {
  return {
    Name: generationName(name),
    Type: 'TXT',
    TTL: generationTtlSeconds,
    ResourceRecords: [{ Value: formatGeneration(generation) }],
  };
}

/** Refuses what cannot be swapped as a whole: alias, weighted, latency, failover sets. */
function plainRecord(set: ResourceRecordSet, name: string, type: DnsRecord['type']): PlainRecord {
  const values = (set.ResourceRecords ?? []).map(({ Value }) => Value ?? '');
  if (set.SetIdentifier === undefined && set.TTL !== undefined && values.length > 0) {
    return { name, type, ttlSeconds: set.TTL, values };
  }
  const message = `${name} ${type} is an alias or belongs to a routing policy`;
  throw trafficErrors.make('dns-record-foreign', message, { set });
}

function generationOf(set: ResourceRecordSet | undefined): Generation | null {
  const [value, ...more] = set?.ResourceRecords ?? [];
  if (set?.TTL !== generationTtlSeconds || more.length > 0) return null;
  return parseGeneration(value?.Value ?? '');
}

function isSet(set: ResourceRecordSet, name: string, type: string): boolean {
  return set.Type === type && set.Name?.replace(/\.$/, '').toLowerCase() === name;
}

/** AWS sends its messages as one, in brackets; its documentation shows a list. */
function wordsOf({ message, messages = [] }: InvalidChangeBatch): string {
  return messages.length > 0 ? messages.join('; ') : message;
}

function same(a: DnsRecord, b: DnsRecord): boolean {
  const shape = ({ ttlSeconds, values, generation }: DnsRecord) => ({
    ttlSeconds,
    values: [...values].sort(),
    generation: { number: generation.number, epoch: generation.epoch, region: generation.region },
  });
  return isDeepStrictEqual(shape(a), shape(b));
}
