import { isIP } from 'node:net';
import { z } from 'zod';
import { duration, maxItems } from './fields.ts';

const zoneName = z
  .string({ error: 'a zone such as canary.example.com' })
  .regex(
    /^(?=.{4,120}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)+$/,
    {
      error:
        'a zone in lower case without a dot at the end, at most 120 characters: canary.example.com',
    },
  );

const ipAddress = z
  .string({ error: 'an IP address' })
  .refine((value) => isIP(value) !== 0, { error: 'an IP address' });

const socket = z.string().regex(/^([0-9.]+|\[[0-9a-fA-F:]+\]):\d{1,5}$/, {
  error: 'an address and a port: 192.0.2.1:53',
});

/** Returns the address and port of `192.0.2.1:53` or `[2001:db8::1]:53`; default port 53. */
export function parseSocket(text: string): { readonly host: string; readonly port: number } {
  const [, host = text, port = '53'] = /^(.*?)(?::(\d+))?$/.exec(text) ?? [];
  return { host: host.replace(/^\[|\]$/g, ''), port: Number(port) };
}

/** Answers per second to one /24 or /56 over UDP: far more than surveys and beacons need. */
export const defaultAnswersPerSecond = 500;

/** TTL of names that ask for none, for example beacons, ms. */
export const defaultCanaryTtlMs = 5_000;

export const canarySchema = z
  .strictObject({
    zone: zoneName.describe('Zone of its own, delegated to `throwover dns canary` or to `serve`'),
    listen: socket
      .optional()
      .describe('`throwover serve` answers for the zone here; left out: another process does'),
    nameservers: z
      .array(
        z.strictObject({
          name: zoneName,
          addresses: z.array(ipAddress).max(maxItems).default([]),
        }),
      )
      .max(8)
      .default([])
      .describe(
        'Name servers as the parent zone delegates; addresses for names inside of the zone',
      ),
    answersPerSecond: z
      .int()
      .min(1)
      .max(1_000_000)
      .default(defaultAnswersPerSecond)
      .describe('Answers per second over UDP to one /24 or /56'),
    ttl: duration.default(defaultCanaryTtlMs).describe('TTL of names that ask for none'),
  })
  .transform(({ ttl, ...rest }) => ({ ...rest, ttlMs: ttl }));

/** Shortest and longest TTL that a survey asks for, ms: a cache counts whole seconds. */
const shortestTtlMs = 1_000;
const longestTtlMs = 86_400_000;

const resolver = z.string().refine((text) => text === 'system' || isResolver(text), {
  error: 'system, or the address of a resolver: 192.0.2.53, 192.0.2.53:5353, [2001:db8::1]:53',
});

export function isResolver(text: string): boolean {
  if (isIP(text) === 4) return true;
  const { host, port } = parseSocket(text);
  const bracketed = /^\[.*\](:\d+)?$/.test(text);
  return isIP(host) === (bracketed ? 6 : 4) && port > 0 && port <= 65_535;
}

export const surveySchema = z
  .strictObject({
    resolvers: z
      .array(resolver)
      .min(1)
      .max(maxItems)
      .default(['system'])
      .describe('Resolvers whose behaviour is measured; system: those of the machine'),
    every: duration
      .default(86_400_000)
      .describe('How often `throwover serve` measures them again; 0s: never'),
    ttls: z
      .array(
        duration.refine((ms) => ms >= shortestTtlMs && ms <= longestTtlMs, {
          error: 'a TTL from 1s to 1d',
        }),
      )
      .min(1)
      .max(8)
      .default([5_000, 300_000])
      .describe("TTLs that are measured, with the service's own"),
    longest: duration
      .default(3_600_000)
      .describe('What is still kept after this long counts as never let go'),
    zone: zoneName.optional().describe('The canary zone; canary.zone when it is left out'),
  })
  .transform(({ every, longest, ttls, ...rest }) => ({
    ...rest,
    everyMs: every,
    longestMs: longest,
    ttlsMs: ttls,
  }));
