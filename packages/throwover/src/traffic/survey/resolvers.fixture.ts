import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../kernel/kernel.ts';
import { dnsResolverClient } from './ask.ts';

/**
 * Real caching resolvers, unprivileged, on ports of 127.0.0.1, which ask one server for one zone.
 */
export const kinds = ['unbound', 'bind', 'dnsmasq', 'powerdns', 'knot'] as const;
export type Kind = (typeof kinds)[number];

const binaries: Readonly<Record<Kind, string>> = {
  unbound: '/usr/sbin/unbound',
  bind: '/usr/sbin/named',
  dnsmasq: '/usr/sbin/dnsmasq',
  powerdns: '/usr/sbin/pdns_recursor',
  knot: '/usr/sbin/kresd',
};

const packages: Readonly<Record<Kind, string>> = {
  unbound: 'unbound',
  bind: 'bind9',
  dnsmasq: 'dnsmasq-base',
  powerdns: 'pdns-recursor',
  knot: 'knot-resolver',
};

/** The configured values; all others are the resolver's defaults. Seconds. */
export interface Policy {
  readonly minimum?: number;
  readonly maximum?: number;
  readonly stale?: true;
  readonly prefetch?: true;
}

/** Returns `null` if the resolver is installed, otherwise the reason why it is not run. */
export async function missing(kind: Kind): Promise<string | null> {
  const path = binaries[kind];
  const found = await access(path).then(
    () => true,
    () => false,
  );
  return found ? null : `${path} is not here: apt-get install ${packages[kind]}`;
}

export interface Place {
  readonly directory: string;
  readonly port: number;
  /** The zone, and the port of its server on 127.0.0.1. */
  readonly zone: string;
  readonly upstream: number;
  readonly policy: Policy;
}

export interface RealResolver {
  readonly server: string;
  stop(): Promise<void>;
}

/** Starts the resolver and waits until it answers for the zone. */
export async function startResolver(
  kind: Kind,
  place: Omit<Place, 'directory'>,
): Promise<RealResolver> {
  const directory = await mkdtemp(join(tmpdir(), `throwover-${kind}-`));
  const argv = await configure[kind]({ ...place, directory });
  const child = spawn(binaries[kind], argv, { cwd: directory, stdio: ['ignore', 'pipe', 'pipe'] });
  const said: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => said.push(text));
  }
  const stop = stopper(child, directory);
  const server = `127.0.0.1:${place.port}`;
  const client = dnsResolverClient(server, systemClock);
  try {
    for (let tries = 0; tries < 300 && child.exitCode === null; tries += 1) {
      const { outcome } = await client.ask(`t0.ready${tries}.g.${place.zone}`, 'AAAA');
      if (outcome === 'answer') return { server, stop };
      await systemClock.sleep(100);
    }
  } finally {
    client.close();
  }
  await stop();
  throw new Error(`${kind} did not start: ${said.join('').slice(-4_000)}`);
}

function stopper(child: ChildProcess, directory: string): () => Promise<void> {
  const ended = once(child, 'close');
  let stopped: Promise<void> | null = null;
  return () => {
    stopped ??= (async () => {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
      await ended;
      await rm(directory, { recursive: true, force: true });
    })();
    return stopped;
  };
}

const lines = (...parts: readonly (string | false | undefined)[]) =>
  `${parts.filter((part) => typeof part === 'string').join('\n')}\n`;

const configure: Readonly<Record<Kind, (place: Place) => Promise<string[]>>> = {
  unbound: async ({ directory, port, zone, upstream, policy }) => {
    const path = join(directory, 'unbound.conf');
    await writeFile(
      path,
      lines(
        'server:',
        `  directory: "${directory}"`,
        '  chroot: ""',
        '  username: ""',
        '  pidfile: ""',
        '  use-syslog: no',
        '  do-daemonize: no',
        '  interface: 127.0.0.1',
        `  port: ${port}`,
        '  num-threads: 1',
        '  do-not-query-localhost: no',
        '  local-zone: "test." nodefault',
        '  module-config: "iterator"',
        policy.minimum !== undefined && `  cache-min-ttl: ${policy.minimum}`,
        policy.maximum !== undefined && `  cache-max-ttl: ${policy.maximum}`,
        policy.stale && '  serve-expired: yes',
        policy.prefetch && '  prefetch: yes',
        'remote-control:',
        '  control-enable: no',
        'stub-zone:',
        `  name: "${zone}"`,
        `  stub-addr: 127.0.0.1@${upstream}`,
      ),
    );
    return ['-d', '-c', path];
  },
  bind: async ({ directory, port, zone, upstream, policy }) => {
    const path = join(directory, 'named.conf');
    await writeFile(
      path,
      lines(
        'options {',
        `  directory "${directory}"; pid-file none; session-keyfile none;`,
        `  managed-keys-directory "${directory}";`,
        `  listen-on port ${port} { 127.0.0.1; }; listen-on-v6 { none; };`,
        '  recursion yes; allow-recursion { 127.0.0.1; }; dnssec-validation no;',
        '  qname-minimization off; empty-zones-enable no;',
        policy.minimum !== undefined && `  min-cache-ttl ${policy.minimum};`,
        policy.maximum !== undefined && `  max-cache-ttl ${policy.maximum};`,
        policy.stale && '  stale-answer-enable yes; stale-cache-enable yes;',
        // Its default is 2 9: an answer with a TTL of 9 s or more is refreshed 2 s before its end.
        policy.prefetch === undefined && '  prefetch 0;',
        '};',
        'controls { };',
        `zone "${zone}" { type forward; forward only; forwarders { 127.0.0.1 port ${upstream}; }; };`,
      ),
    );
    return ['-g', '-n', '1', '-c', path];
  },
  dnsmasq: async ({ port, zone, upstream, policy }) => [
    '--keep-in-foreground',
    '--conf-file=/dev/null',
    '--no-resolv',
    '--no-hosts',
    '--pid-file=',
    '--user=',
    '--listen-address=127.0.0.1',
    '--bind-interfaces',
    `--port=${port}`,
    `--server=/${zone}/127.0.0.1#${upstream}`,
    ...(policy.minimum === undefined ? [] : [`--min-cache-ttl=${policy.minimum}`]),
    ...(policy.maximum === undefined ? [] : [`--max-cache-ttl=${policy.maximum}`]),
    ...(policy.stale === undefined ? [] : ['--use-stale-cache']),
  ],
  powerdns: async ({ directory, port, zone, upstream, policy }) => {
    await writeFile(
      join(directory, 'recursor.conf'),
      lines(
        'local-address=127.0.0.1',
        `local-port=${port}`,
        `socket-dir=${directory}`,
        'daemon=no',
        'threads=1',
        'dont-query=',
        'dnssec=off',
        'security-poll-suffix=',
        'hint-file=no',
        'max-mthreads=64',
        `forward-zones=${zone}=127.0.0.1:${upstream}`,
        policy.minimum !== undefined && `minimum-ttl-override=${policy.minimum}`,
        policy.maximum !== undefined && `max-cache-ttl=${policy.maximum}`,
        policy.stale && 'serve-stale-extensions=1440',
        policy.prefetch && 'refresh-on-ttl-perc=10',
      ),
    );
    return [`--config-dir=${directory}`];
  },
  knot: async ({ directory, port, zone, upstream, policy }) => {
    const path = join(directory, 'kresd.conf');
    await mkdir(join(directory, 'run'));
    await writeFile(
      path,
      lines(
        `net.listen('127.0.0.1', ${port}, { kind = 'dns' })`,
        "modules.unload('ta_update')",
        "modules.unload('ta_signal_query')",
        "modules.unload('priming')",
        "modules.unload('detect_time_skew')",
        "modules.unload('detect_time_jump')",
        "trust_anchors.remove('.')",
        'cache.size = 16 * MB',
        `policy.add(policy.suffix(policy.FORWARD({'127.0.0.1@${upstream}'}), {todname('${zone}')}))`,
        // Without it Knot Resolver keeps everything for 5 s or more; with policy.STUB for exactly
        // that time.
        `cache.min_ttl(${policy.minimum ?? 0})`,
        policy.maximum !== undefined && `cache.max_ttl(${policy.maximum})`,
        policy.stale && "modules.load('serve_stale < cache')",
      ),
    );
    return ['--noninteractive', '-c', path, join(directory, 'run')];
  },
};
