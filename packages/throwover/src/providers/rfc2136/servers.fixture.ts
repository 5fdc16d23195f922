import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { encode } from 'dns-packet';
import { freePort } from '../../../../lab/src/fixtures/ports.ts';
import { systemClock } from '../../kernel/kernel.ts';
import { exchange } from './tcp.ts';

/** Real authoritative servers with dynamic updates, unprivileged, each on a separate port. */
export const serverNames = ['bind', 'knot', 'powerdns'] as const;
export type ServerName = (typeof serverNames)[number];

export const zone = 'example.test';
export const name = 'checkout.example.test';
export const keyName = 'throwover.example.test';

const binaries: Readonly<Record<ServerName, string>> = {
  bind: '/usr/sbin/named',
  knot: '/usr/sbin/knotd',
  powerdns: '/usr/sbin/pdns_server',
};

export async function isInstalled(server: ServerName): Promise<boolean> {
  return access(binaries[server]).then(
    () => true,
    () => false,
  );
}

export interface UpdateServer {
  readonly address: string;
  readonly stop: () => Promise<void>;
}

export interface KeyOptions {
  readonly algorithm: 'hmac-sha256' | 'hmac-sha512';
  /** Base64. */
  readonly secret: string;
}

const zoneFile = `$TTL 60
@ IN SOA ns1.${zone}. hostmaster.${zone}. 1 7200 900 1209600 60
@ IN NS ns1.${zone}.
ns1 IN A 127.0.0.1
checkout IN A 127.0.1.1
checkout6 IN AAAA fd00::1
alias IN CNAME east.${zone}.
`;

/** Starts the server on `port` of 127.0.0.1 and waits until it gives authoritative answers. */
export async function startUpdateServer(
  server: ServerName,
  key: KeyOptions,
): Promise<UpdateServer> {
  const directory = await mkdtemp(join(tmpdir(), `throwover-${server}-`));
  const port = await freePort();
  await writeFile(join(directory, 'zone.db'), zoneFile);
  const argv = await configure[server]({ directory, port, key });
  const child = spawn(binaries[server], argv, {
    cwd: directory,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  child.stdout.on('data', (text) => {
    said += text;
  });
  child.stderr.on('data', (text) => {
    said += text;
  });
  const ended = once(child, 'close');
  let stopped: Promise<void> | null = null;
  const stop = () => {
    stopped ??= (async () => {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
      await ended;
      await rm(directory, { recursive: true, force: true });
    })();
    return stopped;
  };
  const question = encode({ type: 'query', id: 1, questions: [{ type: 'A', name }] });
  for (let tries = 0; tries < 200; tries += 1) {
    const answer = await exchange({ host: '127.0.0.1', port }, question, systemClock).catch(
      () => null,
    );
    if (answer !== null && answer.readUInt16BE(6) > 0)
      return { address: `127.0.0.1:${port}`, stop };
    if (child.exitCode !== null) break;
    await sleep(50);
  }
  await stop();
  throw new Error(`${server} did not start: ${said}`);
}

interface Place {
  readonly directory: string;
  readonly port: number;
  readonly key: KeyOptions;
}

const configure: Readonly<Record<ServerName, (place: Place) => Promise<string[]>>> = {
  bind: async ({ directory, port, key }) => {
    const config = `
key "${keyName}" { algorithm ${key.algorithm}; secret "${key.secret}"; };
options {
  directory "${directory}"; pid-file none; session-keyfile none; managed-keys-directory "${directory}";
  listen-on port ${port} { 127.0.0.1; }; listen-on-v6 { none; };
  recursion no; dnssec-validation no; minimal-responses yes;
};
controls { };
zone "${zone}" { type primary; file "zone.db"; allow-update { key "${keyName}"; }; };
`;
    await writeFile(join(directory, 'named.conf'), config);
    return ['-g', '-n', '1', '-c', join(directory, 'named.conf')];
  },
  knot: async ({ directory, port, key }) => {
    const config = `
server:
  rundir: "${directory}"
  listen: 127.0.0.1@${port}
  tcp-workers: 1
  udp-workers: 1
  background-workers: 1
database:
  storage: "${directory}"
  journal-db-max-size: 16M
  kasp-db-max-size: 16M
key:
  - id: ${keyName}
    algorithm: ${key.algorithm}
    secret: ${key.secret}
acl:
  - id: update
    key: ${keyName}
    action: update
template:
  - id: default
    storage: "${directory}"
    journal-max-usage: 8M
zone:
  - domain: ${zone}
    file: zone.db
    acl: update
`;
    await writeFile(join(directory, 'knot.conf'), config);
    return ['-c', join(directory, 'knot.conf')];
  },
  powerdns: async ({ directory, port, key }) => {
    const database = join(directory, 'pdns.sqlite3');
    const { DatabaseSync } = await import('node:sqlite');
    const db = new DatabaseSync(database);
    db.exec(await readFile('/usr/share/pdns-backend-sqlite3/schema/schema.sqlite3.sql', 'utf8'));
    db.exec(`INSERT INTO domains (name, type) VALUES ('${zone}', 'NATIVE')`);
    const insert = db.prepare(
      'INSERT INTO records (domain_id, name, type, content, ttl, auth) VALUES (1, ?, ?, ?, 60, 1)',
    );
    insert.run(zone, 'SOA', `ns1.${zone} hostmaster.${zone} 1 7200 900 1209600 60`);
    insert.run(zone, 'NS', `ns1.${zone}`);
    insert.run(`ns1.${zone}`, 'A', '127.0.0.1');
    insert.run(name, 'A', '127.0.1.1');
    insert.run(`checkout6.${zone}`, 'AAAA', 'fd00::1');
    insert.run(`alias.${zone}`, 'CNAME', `east.${zone}`);
    db.prepare('INSERT INTO tsigkeys (name, algorithm, secret) VALUES (?, ?, ?)').run(
      keyName,
      key.algorithm,
      key.secret,
    );
    db.prepare('INSERT INTO domainmetadata (domain_id, kind, content) VALUES (1, ?, ?)').run(
      'TSIG-ALLOW-DNSUPDATE',
      keyName,
    );
    db.close();
    await writeFile(
      join(directory, 'pdns.conf'),
      `launch=gsqlite3
gsqlite3-database=${database}
gsqlite3-pragma-synchronous=0
local-address=127.0.0.1
local-port=${port}
socket-dir=${directory}
daemon=no
guardian=no
dnsupdate=yes
allow-dnsupdate-from=127.0.0.0/8
cache-ttl=0
query-cache-ttl=0
negquery-cache-ttl=0
zone-cache-refresh-interval=0
security-poll-suffix=
`,
    );
    return [`--config-dir=${directory}`];
  },
};
