import { z } from 'zod';
import { httpCall, reasonOf } from '../../kernel/http-call.ts';
import { type Clock, isThrowoverError, systemClock } from '../../kernel/kernel.ts';
import {
  type AdoptableDns,
  type DnsRecord,
  lostRace,
  mustBeAnswerOf,
  sameRecord,
  trafficErrors,
} from '../../traffic/traffic.ts';
import { askNameservers } from '../nameservers.ts';

/** Longest time for one answer, ms: the DNS provider behind it may take seconds. */
const deadlineMs = 15_000;

/** Longest answer, bytes: a record has a few hundred. */
const maxAnswerBytes = 64 * 1024;

const recordSchema = z.object({
  name: z.string(),
  type: z.enum(['A', 'AAAA', 'CNAME']),
  ttlSeconds: z.int().min(0),
  values: z.array(z.string().min(1)).min(1),
  generation: z
    .object({ number: z.int().min(0), epoch: z.int().min(0), region: z.string() })
    .nullable(),
});

export interface HttpDnsOptions {
  /** URL of this one record. */
  readonly url: string;
  readonly name: string;
  readonly type: DnsRecord['type'];
  /** Sent as `Authorization: Bearer TOKEN`; read when it is used. */
  readonly token: (() => Promise<string>) | null;
  /** `ip:port` of the authoritative servers; read-back asks them instead of the API. */
  readonly nameservers?: readonly string[];
  readonly clock?: Clock;
}

/**
 * A record behind the team's own HTTP service: `GET` returns it with a strong ETag, `PUT` with
 * `If-Match` replaces it completely or answers 412 (docs/dns-providers.md has the contract).
 */
export function httpDns(options: HttpDnsOptions): AdoptableDns {
  const { url, name, type, token, nameservers, clock = systemClock } = options;

  async function call(method: 'GET' | 'PUT', record: DnsRecord | null, etag: string | null) {
    try {
      const answer = await httpCall({
        ...{ url, method, deadlineMs, maxBytes: maxAnswerBytes, clock },
        ...(record && { body: JSON.stringify(record) }),
        headers: {
          accept: 'application/json',
          ...(record && { 'content-type': 'application/json' }),
          ...(etag !== null && { 'if-match': etag }),
          ...(token && { authorization: `Bearer ${await token()}` }),
        },
      });
      const tag = answer.headers['etag'];
      return {
        status: answer.status,
        text: answer.text,
        etag: typeof tag === 'string' ? tag : null,
      };
    } catch (error) {
      if (isThrowoverError(error)) throw error;
      const message = `${url}: ${reasonOf(error)}`;
      throw trafficErrors.make('dns-unreachable', message, { url }, error);
    }
  }

  async function look() {
    const { status, text, etag } = await call('GET', null, null);
    if (status === 404) {
      const message = `${url} has no record ${name} ${type}`;
      throw trafficErrors.make('dns-record-missing', message, { url, name, type });
    }
    if (status !== 200) throw refusal(status, text);
    const found = recordSchema.safeParse(parsed(text));
    const wrong = found.success
      ? found.data.name !== name || found.data.type !== type
        ? `it is the record ${found.data.name} ${found.data.type}`
        : etag === null || etag.startsWith('W/')
          ? 'it has no strong ETag'
          : null
      : z.prettifyError(found.error);
    if (wrong !== null || !found.success || etag === null) {
      const message = `the answer of ${url} does not keep the contract: ${wrong}`;
      throw trafficErrors.make('dns-refused', message, { url, text });
    }
    const { generation, ...record } = found.data;
    return { record, generation, etag };
  }

  async function read() {
    const { record, generation, etag } = await look();
    if (generation !== null) return { now: { ...record, generation }, etag };
    const message = `${name} ${type} has no generation at ${url}`;
    throw trafficErrors.make('dns-record-foreign', message, { name, values: record.values });
  }

  /** Returns true if the record was written, false if it has changed since the ETag. */
  async function put(record: DnsRecord, etag: string): Promise<boolean> {
    const { status, text } = await call('PUT', record, etag);
    if (status === 412) return false;
    if (status === 200 || status === 204) return true;
    throw refusal(status, text);
  }

  function refusal(status: number, text: string) {
    const busy = status >= 500 || status === 408 || status === 429;
    const message = `${url} answers ${status}: ${text.slice(0, 200)}`;
    return trafficErrors.make(busy ? 'dns-unreachable' : 'dns-refused', message, { url, status });
  }

  return {
    read: async () => (await read()).now,
    replace: async (old, next) => {
      mustBeAnswerOf(options, { old, next });
      const { now, etag } = await read();
      if (sameRecord(now, old) && (await put(next, etag))) return;
      const { now: found } = await read();
      if (sameRecord(found, next)) return;
      throw lostRace({ expected: old, found });
    },
    readBack: async () =>
      nameservers === undefined
        ? (await look()).record.values
        : askNameservers(nameservers, { name, type }),
    adopt: async (first) => {
      const { record, generation, etag } = await look();
      if (generation !== null) return { ...record, generation };
      const adopted: DnsRecord = { ...record, generation: { number: 1, ...first } };
      if (await put(adopted, etag)) return adopted;
      const message = `${name} was changed while it was adopted`;
      throw trafficErrors.make('dns-lost-race', message, { expected: record });
    },
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
