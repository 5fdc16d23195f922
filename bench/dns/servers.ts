import { Resolver } from 'node:dns/promises';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { until } from '../../packages/lab/src/world/json.ts';
import { missingPrograms } from '../peers/process.ts';
import type { Scratch } from '../scratch.ts';

/** Ports of this bench. */
const base = 14_000;

const startPatienceMs = 20_000;

export const zone = 'canary.example.test';

/** Rate limit that is high enough to have no effect: the maximum of `throwover dns canary`. */
const noLimit = '1000000';

/**
 * Number of names, each asked once per pass over the file, like the fresh names of surveys and
 * beacons.
 */
const names = 20_000;

interface DnsServer {
  readonly name: string;
  readonly port: number;
}

const programs = { Knot: '/usr/sbin/knotd', NSD: '/usr/sbin/nsd' } as const;
export const dnsperf = '/usr/bin/dnsperf';

/**
 * Starts the canary server, and each installed authoritative server with a similar zone; each
 * answers with one thread.
 */
export async function startDnsGround(
  { dir, daemon, throwover }: Scratch,
  say: (line: string) => void,
) {
  const missing = await missingPrograms([dnsperf, ...Object.values(programs)]);
  if (missing.includes(dnsperf)) throw new Error(`${dnsperf} is not here: apt-get install dnsperf`);
  if (missing.length > 0) say(`not installed: ${missing.join(', ')}; apt-get install knot nsd`);
  // Queries for dnsperf: A and AAAA in turns.
  const queries = join(dir, 'queries');
  await writeFile(queries, queryLines());
  await writeFile(join(dir, 'zone.db'), likeZone);
  const servers: DnsServer[] = [{ name: 'throwover canary', port: base }];
  await throwover('canary', [
    ...['dns', 'canary', '--zone', zone, '--listen', `127.0.0.1:${base}`, '--rate', noLimit],
  ]);
  if (!missing.includes(programs.Knot)) {
    servers.push({ name: 'Knot', port: base + 1 });
    await writeFile(join(dir, 'knot.conf'), knotConfig(dir, base + 1));
    await daemon('knot', programs.Knot, ['-c', join(dir, 'knot.conf')]);
  }
  if (!missing.includes(programs.NSD)) {
    servers.push({ name: 'NSD', port: base + 2 });
    await writeFile(join(dir, 'nsd.conf'), nsdConfig(dir, base + 2));
    await daemon('nsd', programs.NSD, ['-d', '-c', join(dir, 'nsd.conf')]);
  }
  await Promise.all(servers.map(answering));
  return { servers, queries };
}

function queryLines(): string {
  const lines = Array.from({ length: names }, (_, index) => {
    const nonce = `nonce${String(index).padStart(11, '0')}`;
    return `t60.${nonce}.g.${zone} ${index % 2 === 0 ? 'A' : 'AAAA'}`;
  });
  return `${lines.join('\n')}\n`;
}

/** Every name below `g` has a record, as in the canary zone; its answer never changes. */
const likeZone = `$ORIGIN ${zone}.
$TTL 60
@ IN SOA ns1 hostmaster 1 7200 900 1209600 3600
@ IN NS ns1
ns1 IN A 127.0.0.1
*.g IN A 198.18.0.1
*.g IN AAAA 100::1
*.g IN TXT "g=1767225600 t=1767225600000 from=127.0.0.1"
*.b IN A 198.18.0.1
*.b IN AAAA 100::1
`;

const knotConfig = (dir: string, port: number) => `
server:
  rundir: "${dir}"
  listen: 127.0.0.1@${port}
  udp-workers: 1
  tcp-workers: 1
  background-workers: 1
database:
  storage: "${dir}/knot"
  journal-db-max-size: 16M
  kasp-db-max-size: 16M
template:
  - id: default
    storage: "${dir}"
    journal-max-usage: 8M
zone:
  - domain: ${zone}
    file: zone.db
    zonefile-sync: -1
`;

const nsdConfig = (dir: string, port: number) => `
server:
  server-count: 1
  ip-address: 127.0.0.1@${port}
  username: ""
  chroot: ""
  zonesdir: "${dir}"
  database: ""
  pidfile: "${dir}/nsd.pid"
  xfrdfile: "${dir}/xfrd.state"
  xfrdir: "${dir}"
  zonelistfile: "${dir}/zone.list"
  cookie-secret-file: ""
  rrl-ratelimit: 0
  rrl-whitelist-ratelimit: 0
remote-control:
  control-enable: no
zone:
  name: ${zone}
  zonefile: zone.db
`;

async function answering({ name, port }: DnsServer): Promise<void> {
  const resolver = new Resolver({ timeout: 500, tries: 1 });
  resolver.setServers([`127.0.0.1:${port}`]);
  const answer = () => resolver.resolve4(`t60.ready.g.${zone}`);
  await until(`${name} answers`, answer, { timeoutMs: startPatienceMs, pollMs: 100 });
}
