import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { dnsCapabilities } from '../../traffic/capabilities.ts';

const root = fileURLToPath(new URL('../../../../../', import.meta.url));

it('docs/dns-providers.md says what the providers can do (npx vitest run dns-providers-doc --update writes it)', async () => {
  await expect(formatted(document())).toMatchFileSnapshot(`${root}docs/dns-providers.md`);
});

it('what a provider cannot do has a reason', () => {
  for (const { title, ...abilities } of Object.values(dnsCapabilities)) {
    for (const ability of Object.values(abilities)) {
      if (ability === null || typeof ability === 'string') continue;
      const words = 'no' in ability ? ability.no : ability.how;
      expect(words.length, title).toBeGreaterThan(10);
    }
  }
});

/** Formats as the repository's formatter does, so that the two never undo each other. */
function formatted(markdown: string): string {
  const biome = createRequire(import.meta.url).resolve('@biomejs/biome/bin/biome');
  const args = [biome, 'format', '--stdin-file-path=docs/dns-providers.md'];
  return execFileSync(process.execPath, args, { cwd: root, input: markdown, encoding: 'utf8' });
}

function document(): string {
  const providers = Object.values(dnsCapabilities);
  const row = (what: string, of: (provider: (typeof providers)[number]) => string) =>
    `| ${what} | ${providers.map(of).join(' | ')} |`;
  const ability = (given: { how: string } | { no: string }) =>
    'no' in given ? `no: ${given.no}` : `yes: ${given.how}`;
  return `# DNS providers

What a flip can rely on, by \`traffic.provider\` of throwover.yaml. A provider that cannot do something
says why. This file is written by a test: \`npx vitest run dns-providers-doc --update\`.

| | ${providers.map(({ title }) => title).join(' | ')} |
|---|${providers.map(() => '---|').join('')}
${[
  row('A flip is', ({ plane }) => plane),
  row('What it calls stands', ({ where }) => where),
  row('Compare-and-set (A4)', ({ compareAndSet }) => ability(compareAndSet)),
  row('One atomic change', ({ atomic }) => ability(atomic)),
  row('Never empty (A4)', ({ neverEmpty }) => ability(neverEmpty)),
  row('Read back from', ({ readBack }) => ability(readBack)),
  row('Weights', ({ weights }) => ability(weights)),
  row('`lowerTtl`', ({ lowerTtl }) => ability(lowerTtl)),
  row('Tested against', ({ testedAgainst }) => testedAgainst),
].join('\n')}

The generation stands in a TXT record \`_throwover.NAME\` beside the record (HTTP: in the record itself; ARC:
the store's epoch). A record becomes ours once, with \`throwover check --adopt\`.

## What stands in the way of a failover (A6)

A flip by the control plane of Route 53 needs us-east-1. \`throwover check\` names each region that cannot be
failed over from without it, and such a failover asks for \`--override control-plane-in-lost-region\`. The same
holds for the store, notifiers, mail server and DNS provider: by their address, or by what the file says.

\`\`\`yaml
store: { url: https://store.example.com, standsIn: eu-west-1 } # a region of the file or a cloud region
regions:
  east: { cloudRegion: us-east-1 } # functions.awsRegion when it is left out
\`\`\`

## route53

\`\`\`yaml
traffic:
  provider: route53
  zoneId: Z0123456789ABCDEFGHIJ
  routing: weighted # simple (default): one record set; weighted, failover: one set for each region
  name: checkout.example.com
  type: A
  ttl: 60s
\`\`\`

A weighted or failover set is known by its values, which are the region's \`addresses\`, else by its identifier,
which is the region's name. Alias, latency and geolocation sets are refused.

## arc

\`\`\`yaml
traffic:
  provider: arc
  endpoints: # all five of DescribeCluster
    - { url: https://host-aaaaaa.us-east-1.example.routing-control.amazonaws.com/v1, awsRegion: us-east-1 }
    - { url: https://host-bbbbbb.eu-west-1.example.routing-control.amazonaws.com/v1, awsRegion: eu-west-1 }
  controls: # the routing control of each region, tied to a health check of its record set
    east: arn:aws:route53-recovery-control::111122223333:controlpanel/0123/routingcontrol/4567
    west: arn:aws:route53-recovery-control::111122223333:controlpanel/0123/routingcontrol/89ab
  name: checkout.example.com
  type: A
  ttl: 60s
\`\`\`

Safety rules are kept: throwover overrides none. Give ARC the rule "at least one is On".

## rfc2136

\`\`\`yaml
traffic:
  provider: rfc2136
  server: 192.0.2.53:53 # the primary, over TCP
  zone: example.com
  key: { name: throwover.example.com, algorithm: hmac-sha256, secret: env:TSIG_SECRET }
  name: checkout.example.com
  type: A
  ttl: 60s
  nameservers: [192.0.2.53:53, 198.51.100.53:53] # all of them are read back
\`\`\`

The key needs the right to update this name and \`_throwover.\` below it, and nothing else. The clocks of both
sides may be 300 s apart. Reads are not signed.

## http

\`\`\`yaml
traffic:
  provider: http
  url: https://dns.example.com/records/checkout
  secret: env:DNS_TOKEN # sent as Authorization: Bearer
  name: checkout.example.com
  type: A
  ttl: 60s
\`\`\`

| Request | Answer |
|---|---|
| \`GET url\` | 200, a strong \`ETag\`, and \`{ name, type, ttlSeconds, values, generation }\`; \`generation\` is \`{ number, epoch, region }\`, or \`null\` before the record is adopted. 404: there is no such record |
| \`PUT url\` with \`If-Match\` and that body | 200 or 204: all of it is written, and will be served. 412: the record has another ETag, nothing was written |
| either | 400, 401, 403, 422: refused for good. 408, 429, 5xx: tried again |

\`values\` is never empty. The ETag changes with every change, whoever makes it.
`;
}
