import { AUTHORITATIVE_ANSWER, decode, encode } from 'dns-packet';
import type { Clock } from '../../kernel/kernel.ts';
import {
  type AdoptableDns,
  type DnsRecord,
  formatGeneration,
  type Generation,
  generationName,
  generationTtlSeconds,
  lostRace,
  mustBeAnswerOf,
  parseGeneration,
  sameRecord,
  trafficErrors,
} from '../../traffic/traffic.ts';
import { askNameservers } from '../nameservers.ts';
import { exchange, parseServer } from './tcp.ts';
import { sign, type TsigAlgorithm, tsigErrors, verify } from './tsig.ts';
import { encodeUpdate, type Prerequisite, type RrType, type UpdateChange } from './update.ts';

/** Number of reads of one record before an error says that it keeps changing. */
const readTries = 5;

export interface Rfc2136Options {
  /** `ip:port` of the primary, which receives the updates. */
  readonly server: string;
  readonly zone: string;
  readonly name: string;
  readonly type: DnsRecord['type'];
  readonly key: {
    readonly name: string;
    readonly algorithm: TsigAlgorithm;
    /** The secret in base64, read when it is used. */
    readonly secret: () => Promise<string>;
  };
  /**
   * `ip:port` of all authoritative servers, which are asked when a change is read back; default:
   * only the primary.
   */
  readonly nameservers?: readonly string[];
  readonly clock: Clock;
}

/**
 * One record set on a server with dynamic updates (RFC 2136), signed with TSIG (RFC 8945): BIND,
 * Knot, PowerDNS and others.
 *
 * A4: an update requires that record and generation still have exactly the values that were read,
 * and the server makes it completely or not at all. The old set is deleted in the same update that
 * adds the new one.
 */
export function rfc2136Dns(options: Rfc2136Options): AdoptableDns {
  const { name, type, zone, clock } = options;
  const server = parseServer(options.server);
  const txtName = generationName(name);
  let lastId = 0;
  const nextId = () => {
    lastId = (lastId % 0xffff) + 1;
    return lastId;
  };

  async function ask(asked: string, rrType: RrType) {
    const question = encode({
      type: 'query',
      id: nextId(),
      questions: [{ type: rrType, name: asked }],
    });
    const message = await exchange(server, question, clock);
    const answer = decode(message);
    const authoritative = ((answer.flags ?? 0) & AUTHORITATIVE_ANSWER) !== 0;
    const { rcode } = answer as { rcode?: string };
    if (!authoritative || (rcode !== 'NOERROR' && rcode !== 'NXDOMAIN')) {
      const words = rcode === 'NOERROR' ? 'is not authoritative' : `says ${rcode}`;
      throw trafficErrors.make('dns-refused', `${options.server} ${words} for ${asked}`, { asked });
    }
    return (answer.answers ?? []).flatMap((found) =>
      found.type === rrType && found.name.toLowerCase() === asked
        ? [{ ttl: found.ttl ?? 0, value: textOf(found.data) }]
        : [],
    );
  }

  /**
   * Returns record and generation of the same moment: reads again until the generation is the same
   * before and after.
   */
  async function look(): Promise<
    Omit<DnsRecord, 'generation'> & { generation: Generation | null }
  > {
    let before = await ask(txtName, 'TXT');
    for (let tries = 0; tries < readTries; tries += 1) {
      const found = await ask(name, type);
      const after = await ask(txtName, 'TXT');
      const [text] = after;
      if (before.map(({ value }) => value).join() === after.map(({ value }) => value).join()) {
        if (found.length === 0) {
          const message = `there is no record ${name} ${type} on ${options.server}`;
          throw trafficErrors.make('dns-record-missing', message, { name, type });
        }
        return {
          name,
          type,
          ttlSeconds: found[0]?.ttl ?? 0,
          values: found.map(({ value }) => value).sort(),
          generation:
            text === undefined || after.length > 1 ? null : parseGeneration(`"${text.value}"`),
        };
      }
      before = after;
    }
    const message = `${name} changed under ${readTries} reads in a row`;
    throw trafficErrors.make('dns-unreachable', message, { name });
  }

  async function read(): Promise<DnsRecord> {
    const { generation, ...record } = await look();
    if (generation !== null) return { ...record, generation };
    const message = `${name} ${type} has no readable generation at ${txtName}`;
    throw trafficErrors.make('dns-record-foreign', message, { name, values: record.values });
  }

  /**
   * Returns `null` if the update was made, or the failed prerequisite if the server made no part of
   * it.
   */
  async function update(
    requires: readonly Prerequisite[],
    changes: readonly UpdateChange[],
  ): Promise<string | null> {
    const { name: keyName, algorithm } = options.key;
    const secret = Buffer.from(await options.key.secret(), 'base64');
    const key = { name: keyName, algorithm, secret };
    const plain = encodeUpdate({ id: nextId(), zone, requires, changes });
    const { message, mac } = sign(plain, key, clock.wallMs());
    const answer = await exchange(server, message, clock);
    const { rcode = 'NOERROR' } = decode(answer) as { rcode?: string };
    const verdict = verify(answer, { key, mac, wallMs: clock.wallMs() });
    if (verdict.state === 'refused') {
      const words = tsigErrors[verdict.error] ?? `TSIG error ${verdict.error}`;
      throw trafficErrors.make('dns-refused', `${options.server}: ${rcode}: ${words}`, { keyName });
    }
    if (verdict.state === 'forged') {
      // A server without such a key cannot sign its refusal; every other answer must be signed.
      const code = rcode === 'NOTAUTH' || rcode === 'REFUSED' ? 'dns-refused' : 'dns-unreachable';
      const message = `${options.server}: ${rcode}, and ${verdict.why}`;
      throw trafficErrors.make(code, message, { keyName });
    }
    if (rcode === 'NOERROR') return null;
    if (prerequisiteRcodes.includes(rcode)) return rcode;
    const code = rcode === 'SERVFAIL' ? 'dns-unreachable' : 'dns-refused';
    throw trafficErrors.make(code, `${options.server} answers the update with ${rcode}`, { zone });
  }

  const exactly = (record: Omit<DnsRecord, 'generation'>): Prerequisite => ({
    is: 'exactly',
    name,
    type,
    values: record.values,
  });
  const generationValue = (generation: Generation) => [formatGeneration(generation).slice(1, -1)];

  return {
    read,
    replace: async (old, next) => {
      mustBeAnswerOf(options, { old, next });
      const refusal = await update(
        [
          exactly(old),
          { is: 'exactly', name: txtName, type: 'TXT', values: generationValue(old.generation) },
        ],
        [
          { do: 'delete', name, type },
          { do: 'add', name, type, ttlSeconds: next.ttlSeconds, values: next.values },
          { do: 'delete', name: txtName, type: 'TXT' },
          {
            do: 'add',
            name: txtName,
            type: 'TXT',
            ttlSeconds: generationTtlSeconds,
            values: generationValue(next.generation),
          },
        ],
      );
      if (refusal === null) return;
      const now = await read();
      if (sameRecord(now, next)) return;
      throw lostRace({ expected: old, found: now, refusal });
    },
    readBack: () => askNameservers(options.nameservers ?? [options.server], { name, type }),
    adopt: async (first) => {
      const { generation, ...record } = await look();
      if (generation !== null) return { ...record, generation };
      const adopted: DnsRecord = { ...record, generation: { number: 1, ...first } };
      const refusal = await update(
        [exactly(record), { is: 'absent', name: txtName, type: 'TXT' }],
        [
          {
            do: 'add',
            name: txtName,
            type: 'TXT',
            ttlSeconds: generationTtlSeconds,
            values: generationValue(adopted.generation),
          },
        ],
      );
      if (refusal === null) return adopted;
      const message = `${options.server}: ${refusal}: the record or ${txtName} has changed`;
      throw trafficErrors.make('dns-lost-race', message, { expected: record });
    },
  };
}

/** The answers of a server when a prerequisite does not hold (RFC 2136, section 2.2). */
const prerequisiteRcodes: readonly string[] = ['NXDOMAIN', 'NXRRSET', 'YXDOMAIN', 'YXRRSET'];

function textOf(data: unknown): string {
  if (Array.isArray(data)) return data.map(textOf).join('');
  if (Buffer.isBuffer(data)) return data.toString('utf8');
  return String(data);
}
