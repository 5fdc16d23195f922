import { z } from 'zod';
import { duration, httpUrl, maxItems, regionName, secret, text } from './fields.ts';

/**
 * The record that sends traffic to a region, by provider (docs/dns-providers.md compares the
 * providers).
 */

/** Shortest TTL that a run lowers to, ms: DNS counts in seconds. */
const shortestTtlMs = 1_000;

const hostName = (example: string) =>
  z.string({ error: `a host name such as ${example}` }).regex(/^[a-z0-9_-]+(\.[a-z0-9_-]+)+$/, {
    error: `a host name in lower case without a dot at the end: ${example}`,
  });

const server = z.string().regex(/^([0-9.]+|\[[0-9a-fA-F:]+\]):\d{1,5}$/, {
  error: 'the address and port of a name server: 127.0.0.1:53',
});

const common = {
  name: hostName('checkout.example.com'),
  type: z.enum(['A', 'AAAA', 'CNAME']),
  ttl: duration.describe('TTL of the record, as it is written in the zone'),
  nameservers: z
    .array(server)
    .min(1)
    .max(maxItems)
    .optional()
    .describe('Authoritative servers, asked over DNS whether the change is served'),
};

const lowerTtl = duration
  .optional()
  .describe(
    'TTL that a planned run writes ahead of its switch, and waits out; the flip writes `ttl` again. Never when it is left out',
  );

const route53 = z.strictObject({
  provider: z.literal('route53'),
  endpoint: httpUrl.optional().describe("Route 53 API; AWS's own when it is left out"),
  zoneId: text('the id of a hosted zone such as Z0123456789ABCDEFGHIJ'),
  routing: z
    .enum(['simple', 'weighted', 'failover'])
    .default('simple')
    .describe(
      'One record set; or one for each region, of which a flip gives one the weight or the role PRIMARY',
    ),
  ...common,
  lowerTtl,
});

const arc = z.strictObject({
  provider: z.literal('arc'),
  endpoints: z
    .array(
      z.strictObject({
        url: httpUrl.describe('Endpoint of the cluster, from DescribeCluster'),
        awsRegion: text('an AWS region such as us-east-1'),
      }),
    )
    .min(1)
    .max(maxItems)
    .describe('The regional endpoints of the cluster; AWS has five'),
  controls: z
    .record(
      regionName,
      z.string().regex(/^arn:aws[a-z-]*:route53-recovery-control::\d{12}:controlpanel\/\S+$/, {
        error: 'the ARN of a routing control: arn:aws:route53-recovery-control::...',
      }),
    )
    .describe('The routing control of each region'),
  ...common,
});

const rfc2136 = z.strictObject({
  provider: z.literal('rfc2136'),
  server: server.describe('The primary server, where updates are sent over TCP'),
  zone: hostName('example.com'),
  key: z.strictObject({
    name: text('the name of a TSIG key, as the server has it'),
    algorithm: z.enum(['hmac-sha256', 'hmac-sha512']).default('hmac-sha256'),
    secret: secret.describe('The secret in base64: env:NAME or file:PATH'),
  }),
  ...common,
  lowerTtl,
});

const http = z.strictObject({
  provider: z.literal('http'),
  url: httpUrl.describe('The record, as docs/dns-providers.md describes it'),
  secret: secret
    .optional()
    .describe('Token sent as `Authorization: Bearer`: env:NAME or file:PATH'),
  ...common,
  lowerTtl,
});

export const trafficSchema = z
  .discriminatedUnion('provider', [route53, arc, rfc2136, http], {
    error: ({ code }) =>
      code === 'invalid_union' ? 'one of route53, arc, rfc2136, http' : undefined,
  })
  .superRefine((given, context) => {
    if (given.provider === 'arc') return;
    const { lowerTtl: lower, ttl } = given;
    if (lower !== undefined && (lower < shortestTtlMs || lower >= ttl)) {
      context.addIssue({
        code: 'custom',
        path: ['lowerTtl'],
        message: '1s or more, and less than ttl',
      });
    }
    if (given.provider === 'rfc2136' && !`.${given.name}`.endsWith(`.${given.zone}`)) {
      context.addIssue({ code: 'custom', path: ['name'], message: `a name in ${given.zone}` });
    }
  })
  .transform(({ ttl, ...rest }) => {
    if (rest.provider === 'arc') return { ...rest, ttlMs: ttl, lowerTtlMs: null };
    const { lowerTtl: lower = null, ...others } = rest;
    return { ...others, ttlMs: ttl, lowerTtlMs: lower };
  });

export type Traffic = z.output<typeof trafficSchema>;

/** Returns the declared TTL of the record in whole seconds, as a zone has it. */
export function ttlSecondsOf({ traffic }: { readonly traffic: Pick<Traffic, 'ttlMs'> }): number {
  return Math.max(1, Math.round(traffic.ttlMs / 1_000));
}
