import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Endpoint, urlOf } from 'throwover/kernel';
import type { ClientsConfig } from '../clients/config.ts';
import type { Binaries, Databases } from '../postgres/postgres.ts';
import type { ChildSpec } from './child.ts';
import { identityIn } from './identity.ts';
import { type LabMap, otherRegion, type RegionName, regionNames } from './map.ts';
import { type LabOptions, timeScale } from './options.ts';
import { ttlSeconds } from './service-file.ts';

/**
 * The lab's webhook secret: it protects nothing, and is passed to processes in the environment,
 * like a real one.
 */
export const webhookSecret = 'whsec_lab_0123456789abcdef0123456789abcdef';

/** Signs the tokens of the lab's writes, the same in both regions; it protects nothing either. */
const tokenKey = 'lab-token-key-0123456789abcdef0123456789abcdef';

interface Postgres {
  readonly binaries: Binaries;
  readonly databases: Databases;
}

const script = (path: string) => fileURLToPath(new URL(`../${path}`, import.meta.url));
export const throwoverBin = fileURLToPath(import.meta.resolve('throwover/bin'));

/**
 * Returns every process of the lab: argv, environment and a configuration file below the lab's
 * directory.
 */
export function labSpecs(map: LabMap, options: LabOptions, postgres: Postgres) {
  const logDir = join(options.dir, 'logs');
  const configDir = join(options.dir, 'config');
  mkdirSync(configDir, { recursive: true });

  const file = (name: string, config: unknown) => {
    const path = join(configDir, `${name}.json`);
    writeFileSync(path, JSON.stringify(config, null, 2));
    return path;
  };
  const process = (name: string, path: string, config: unknown): ChildSpec => ({
    name,
    logDir,
    argv: [script(path), file(name, config)],
    ownGroup: true,
  });

  const border = process('border', 'network/border.ts', {
    admin: map.border,
    links: regionNames.flatMap((name) => linksOf(map, name, options.latencyMs)),
  });
  const dns = process('dns', 'dns/dns-server.ts', {
    host: map.dns.host,
    dnsPort: map.dns.port,
    apiPort: map.route53.port,
    timeScale,
    zones: [zoneOf(map)],
  });
  const resolvers = process('resolvers', 'dns/resolvers.ts', {
    host: map.dns.host,
    timeScale,
    authoritative: map.dns,
    nameserverPorts: { [map.canary.host]: map.canary.port },
    resolvers: options.resolvers(map).map(({ share: _clients, ...resolver }) => resolver),
  });
  const sender = process('sender', 'sender/sender.ts', {
    host: map.sender.host,
    port: map.sender.port,
    timeScale,
    seed: options.seed,
    secret: webhookSecret,
  });
  const serve: ChildSpec = {
    name: 'serve',
    logDir,
    argv: [
      ...[throwoverBin, 'serve', '--data', join(options.dir, 'witness')],
      ...['--host', map.store.host, '--port', String(map.store.port)],
      ...['--identity', file('serve', identityIn(map.pki, 'serve'))],
      ...['--service', join(options.dir, 'throwover.yaml')],
    ],
    ownGroup: true,
  };
  const region = (name: RegionName): ChildSpec =>
    process(name, 'world/region.ts', {
      logDir,
      children: regionChildren(map, options, postgres, name, file),
    });
  return { border, dns, resolvers, sender, serve, region };
}

function regionChildren(
  map: LabMap,
  options: LabOptions,
  postgres: Postgres,
  name: RegionName,
  file: (name: string, config: unknown) => string,
) {
  const region = map.regions[name];
  const here = region.private;
  const { dataDir, stateDir } = postgres.databases.side(name);
  mkdirSync(stateDir, { recursive: true });
  const guard = file(`${name}-guard`, {
    region: name,
    listen: here.guard,
    postgres: {
      ...here.postgres,
      socketDir: null,
      dataDir,
      pgBin: postgres.binaries.dir,
      runAs: postgres.binaries.runAs,
      startDatabase: true,
    },
    superuser: { host: here.postgres.host },
    database: 'checkout',
    applicationRoles: ['checkout'],
    replication: { user: 'replicator' },
    upstreams: Object.fromEntries(
      regionNames.map((other) => [other, map.regions[other].public.interPostgres]),
    ),
    service: 'checkout',
    store: { url: urlOf(region.toStore, 'https') },
    peer: {
      region: otherRegion(name),
      guard: urlOf(map.regions[otherRegion(name)].public.interGuard, 'https'),
    },
    identity: identityIn(map.pki, 'guard', name),
    writerFence: options.writerFence,
    stateDir,
  });
  const functions = file(`${name}-functions`, {
    region: region.awsRegion,
    ...here.functions,
    timeScale,
    function: {
      name: 'checkout',
      alias: 'live',
      env: {
        THROWOVER_REGION: name,
        PGHOST: here.postgres.host,
        PGPORT: String(here.postgres.port),
        PGUSER: 'checkout',
        PGDATABASE: 'checkout',
        STRIPE_WEBHOOK_SECRET: webhookSecret,
        ...(options.readYourWrites && { CHECKOUT_TOKEN_KEY: tokenKey }),
      },
    },
  });
  const door = file(`${name}-door`, {
    region: name,
    ...here.door,
    adminHost: here.doorAdmin.host,
    adminPort: here.doorAdmin.port,
    identity: identityIn(map.pki, 'door', name),
    functionEndpoint: urlOf(here.functions),
    functionName: 'checkout',
    alias: 'live',
    stateFile: join(options.dir, name, 'door.json'),
    // The border takes the place of a load balancer: all connections come from it, and clients name
    // their own address.
    trustedProxies: ['127.0.0.0/8'],
    // A minute of waiting is a second here.
    bucketMs: 100,
  });
  const gateway = file(`${name}-gateway`, {
    region: name,
    ...here.gateway,
    adminHost: here.gatewayAdmin.host,
    adminPort: here.gatewayAdmin.port,
    identity: identityIn(map.pki, 'gateway', name),
    dataDir: join(options.dir, name, 'gateway'),
    sources: {
      stripe: { scheme: 'stripe', secret: 'env:STRIPE_WEBHOOK_SECRET', path: '/webhooks/stripe' },
    },
    initial: { region: 'east', url: urlOf(map.regions.east.public.door), epoch: 1 },
    timeScale,
  });
  const elsewhere = map.regions[otherRegion(name)].public.interReads;
  const reads = { region: name, ...here.reads, near: here.postgres, elsewhere };
  const reader = {
    name: `${name}-reader`,
    argv: [script('checkout/reader.ts'), file(`${name}-reader`, reads)],
    env: { CHECKOUT_TOKEN_KEY: tokenKey },
  };
  const env = { STRIPE_WEBHOOK_SECRET: webhookSecret };
  return [
    { name: `${name}-guard`, argv: [throwoverBin, 'guard', '--config', guard], env },
    { name: `${name}-functions`, argv: [script('functions/function-pool.ts'), functions], env },
    { name: `${name}-door`, argv: [script('door/front-door.ts'), door], env },
    { name: `${name}-gateway`, argv: [throwoverBin, 'gateway', '--config', gateway], env },
    ...(options.readYourWrites === null ? [] : [reader]),
  ];
}

function linksOf(map: LabMap, name: RegionName, latencyMs: number) {
  const region = map.regions[name];
  const link = (service: string, listen: Endpoint, target: Endpoint, oneWayMs = 0) => ({
    ...{ name: `${name}-${service}`, listen, target, latencyMs: oneWayMs },
  });
  const services = [
    'door',
    'doorAdmin',
    'functions',
    'guard',
    'gateway',
    'gatewayAdmin',
    'reads',
  ] as const;
  return [
    ...services.map((service) => link(service, region.public[service], region.private[service])),
    link('interDoor', region.public.interDoor, region.private.door, latencyMs),
    link('interPostgres', region.public.interPostgres, region.private.postgres, latencyMs),
    link('interGuard', region.public.interGuard, region.private.guard, latencyMs),
    link('interReads', region.public.interReads, region.private.postgres, latencyMs),
    // The witness is as far away as the other region.
    link('toStore', region.toStore, map.store, latencyMs),
  ];
}

function zoneOf(map: LabMap) {
  const ttl = ttlSeconds;
  return {
    id: map.zoneId,
    name: 'example.test',
    records: [
      { name: map.hostname, type: 'A', ttl, values: [map.regions.east.publicHost] },
      {
        name: `_throwover.${map.hostname}`,
        type: 'TXT',
        ttl,
        values: ['"v1 generation=1 epoch=1 region=east"'],
      },
      { name: map.canary.zone, type: 'NS', ttl, values: [`ns1.${map.canary.zone}.`] },
      { name: `ns1.${map.canary.zone}`, type: 'A', ttl, values: [map.canary.host] },
    ],
  };
}

/** Settings for the clients of one recording; the lab's options apply where they are left out. */
export interface ClientsAsked
  extends Partial<
    Pick<ClientsConfig, 'seed' | 'keepAliveShare' | 'runtimeCacheShare' | 'firstNetwork'>
  > {
  readonly output: string;
  readonly resolvers: readonly Readonly<ClientsConfig['resolvers'][number]>[];
}

/** Returns the clients of one recording. */
export function clientsSpec(map: LabMap, options: LabOptions, config: ClientsAsked): ChildSpec {
  return {
    name: 'clients',
    logDir: join(options.dir, 'logs'),
    argv: [
      script('clients/clients.ts'),
      JSON.stringify({
        host: map.clients.host,
        adminPort: map.clients.port,
        hostname: map.hostname,
        port: map.portBase,
        addresses: Object.fromEntries(
          regionNames.map((name) => [map.regions[name].publicHost, name]),
        ),
        clients: options.clients,
        ratePerSecond: options.requestsPerSecond,
        patienceMs: options.patienceMs,
        assetsPerSecond: options.assetsPerSecond,
        seed: options.seed,
        beacons:
          options.beaconsPerSecond === 0
            ? null
            : { zone: map.canary.zone, perSecond: options.beaconsPerSecond },
        runtimeCacheShare: options.runtimeCacheShare,
        readYourWrites: options.readYourWrites && {
          ...options.readYourWrites,
          homes: Object.fromEntries(
            regionNames.map((name) => [name, map.regions[name].public.reads]),
          ),
        },
        timeScale,
        ...config,
      }),
    ],
    ownGroup: true,
  };
}
