/**
 * The only file that names adapters: what a team declared -> the ports that a run works with.
 * Nothing is called and no SDK is loaded until a port is used.
 */

import type { Timing } from './authority/timing.ts';
import { checkTiming, defaultTiming } from './authority/timing.ts';
import { storeWitness } from './authority/witness.ts';
import type { Clock, Random } from './kernel/kernel.ts';
import { type Notifier, Notifiers } from './notify/notify.ts';
import { lambdaRegion } from './providers/aws/lambda.ts';
import { type Route53Dns, route53Dns } from './providers/aws/route53.ts';
import { httpDoor } from './providers/http/door.ts';
import { httpGateway } from './providers/http/gateway.ts';
import { httpLagReports, type LagReports } from './providers/http/lag-reports.ts';
import { webhookNotifier } from './providers/http/webhook-notifier.ts';
import { postgresSide } from './providers/postgres/database-side.ts';
import { emailNotifier } from './providers/smtp/email-notifier.ts';
import { type Consent, noConsent } from './replication/replication.ts';
import {
  buildRun,
  type RegionPorts,
  type RunDefinition,
  type RunKind,
  type RunPolicy,
  type RunPorts,
} from './runs/runs.ts';
import {
  type LoadedService,
  oneOf,
  ownGuards,
  placeOwnSteps,
  resolveSecret,
  type SecretRef,
  type Service,
  serviceErrors,
} from './service/service.ts';
import { createRemoteStore } from './store/remote/remote-store.ts';
import type { Store } from './store/store.ts';
import type { GatewayControl } from './webhooks/webhooks.ts';

/** Everything that the service stands on. */
export interface Parts {
  readonly store: Store;
  readonly dns: Route53Dns;
  /** In the order of the file. */
  readonly regions: readonly RegionPorts[];
  readonly gateways: readonly GatewayControl[];
  /** What `throwover serve` has sampled of replication. */
  readonly lag: LagReports;
  close(): Promise<void>;
}

/** A run's own facts: where from, where to, since which epoch. */
export interface Direction {
  readonly from: string;
  readonly to: string;
  readonly epoch: number;
}

/** Refuses timing knobs that do not hold together (`timing-wrong`), with the arithmetic. */
export function checkTimingOf({ database }: Service): void {
  const { timing, fenceDeadlineMs, drain } = database;
  const { openTransactionsMs } = drain;
  checkTiming({ ...defaultTiming, ...timing, fenceDeadlineMs, openTransactionsMs });
}

export function compose(service: Service, clock: Clock): Parts {
  const store = createRemoteStore({ url: service.store.url, clock });
  const databases = new Map(
    Object.entries(service.regions).map(([region, { database }]) => [
      region,
      postgresSide({
        region,
        guardUrl: database.guard,
        attachTimeoutMs: service.database.attachTimeoutMs,
        clock,
      }),
    ]),
  );
  const { endpoint, nameservers, zoneId, name, type } = service.traffic;
  return {
    store,
    dns: route53Dns({
      zoneId,
      name,
      type,
      ...(endpoint === undefined ? {} : { endpoint }),
      ...(nameservers === undefined ? {} : { nameservers }),
    }),
    regions: [...databases].map(([region, database]) => ({
      name: region,
      database,
      door: httpDoor({ region, url: declared(service, region).door.admin }),
      functions: functionsOf(service, region, clock),
    })),
    gateways: [...databases.keys()].flatMap((region) => gatewayOf(service, region)),
    lag: httpLagReports({ url: service.store.url, service: service.name }),
    close: async () => {
      await store.close();
      for (const database of databases.values()) await database.close();
    },
  };
}

/** Guards and steps of one kind of run, with the team's own among them. */
export function defineRun(
  kind: RunKind,
  loaded: LoadedService,
  options: {
    parts: Parts;
    direction: Direction;
    /** What was approved beyond the plan: its overrides, by name. Nothing while a plan is made. */
    consent?: Consent;
    env: NodeJS.ProcessEnv;
    clock: Clock;
  },
): RunDefinition {
  const { parts, direction, consent = noConsent, env, clock } = options;
  const { service, directory } = loaded;
  const definition = buildRun(
    kind,
    portsOf(service, parts, direction),
    policyOf(service, direction, consent),
    clock,
  );
  const own = { kind, directory, env };
  return {
    ...definition,
    guards: [...definition.guards, ...ownGuards(service.checks, direction, own)],
    steps: placeOwnSteps(definition.steps, service.steps, own),
  };
}

function portsOf(service: Service, parts: Parts, { from, to }: Direction): RunPorts {
  const region = (name: string) => {
    const found = parts.regions.find((ports) => ports.name === name);
    if (found === undefined) throw noSuchRegion(service, name);
    return found;
  };
  return {
    store: parts.store,
    from: region(from),
    to: region(to),
    dns: parts.dns,
    gateways: parts.gateways,
    history: parts.lag,
  };
}

/** Life time becomes time as it passes here for what the lab scales: holding warm capacity. The zone's TTL stays as it is written. */
function policyOf(service: Service, { from, to, epoch }: Direction, consent: Consent): RunPolicy {
  const { database, functions, traffic, timeScale } = service;
  const old = declared(service, from);
  const next = declared(service, to);
  return {
    service: service.name,
    epoch,
    lagBoundMs: database.lagBoundMs,
    armTimeoutMs: database.armTimeoutMs,
    doorHoldMs: database.drain.holdMs,
    openTransactionsMs: database.drain.openTransactionsMs,
    attachTimeoutMs: database.attachTimeoutMs,
    fenceDeadlineMs: database.fenceDeadlineMs,
    strict: database.writerFence === 'strict',
    synchronous: database.durability === 'synchronous',
    lossBoundMs: database.lossBoundMs,
    idsPerSecond: database.idsPerSecond,
    home: service.home,
    standsInFrom: controlPlaneIn(service, from),
    consent,
    record: {
      name: traffic.name,
      type: traffic.type,
      ttlSeconds: Math.max(1, Math.round(traffic.ttlMs / 1_000)),
      values: next.addresses,
    },
    forwardUrl: next.door.forward,
    backwardUrl: old.door.forward,
    deliverUrl: next.gateway?.deliver ?? next.door.forward,
    returnUrl: old.gateway?.deliver ?? old.door.forward,
    warm:
      functions === undefined
        ? null
        : {
            instances: functions.warm,
            burst: functions.burst,
            keepMs: functions.holdMs / timeScale,
          },
  };
}

/** Parts of the control plane whose address is one of the region's own (A6). */
export function controlPlaneIn(service: Service, region: string): readonly string[] {
  const { door, functions, database, gateway, addresses } = declared(service, region);
  const urls = [
    door.admin,
    door.forward,
    functions?.endpoint,
    database.guard,
    gateway?.admin,
    gateway?.deliver,
  ];
  const hosts = new Set([
    ...addresses,
    ...urls.flatMap((url) => (url === undefined ? [] : [new URL(url).hostname])),
  ]);
  const { store, notify } = service;
  const parts = [
    { name: 'the store', url: store.url },
    ...notify.webhooks.map(({ url }) => ({ name: `the notifier ${new URL(url).origin}`, url })),
    ...(notify.email === undefined ? [] : [{ name: 'the mail server', url: notify.email.server }]),
  ];
  return parts.flatMap(({ name, url }) => (hosts.has(new URL(url).hostname) ? [name] : []));
}

/** Who is told of a run. Nothing is sent until something is told. */
export function notifiersOf(
  { service, directory }: LoadedService,
  options: {
    clock: Clock;
    random: Random;
    env: NodeJS.ProcessEnv;
    /** A notice that did not get through; it stops nothing. */
    onFailure: (name: string, subject: string, error: unknown) => void;
  },
): Notifiers {
  const { clock, random, env, onFailure } = options;
  const { webhooks, email } = service.notify;
  const reader = (ref: SecretRef) => () => resolveSecret(ref, { env, directory });
  const notifiers: Notifier[] = webhooks.map(({ url, secret, events }) =>
    webhookNotifier({
      url,
      kinds: events,
      secret: secret === undefined ? null : reader(secret),
      clock,
      random,
    }),
  );
  if (email !== undefined) {
    const { server, from, to, user, password, events } = email;
    const login =
      user === undefined || password === undefined ? null : { user, password: reader(password) };
    notifiers.push(emailNotifier({ server, from, to, kinds: events, login }));
  }
  return new Notifiers({
    notifiers,
    clock,
    onFailure: (name, notice, error) => onFailure(name, notice.subject, error),
  });
}

function functionsOf(service: Service, region: string, clock: Clock) {
  const { functions } = declared(service, region);
  if (service.functions === undefined || functions === undefined) return null;
  return lambdaRegion({
    region,
    awsRegion: functions.awsRegion,
    ...(functions.endpoint === undefined ? {} : { endpoint: functions.endpoint }),
    functionName: service.functions.name,
    alias: service.functions.alias,
    clock,
  });
}

function gatewayOf(service: Service, region: string): readonly GatewayControl[] {
  const { gateway } = declared(service, region);
  if (service.webhooks === undefined || gateway === undefined) return [];
  return [httpGateway({ region, url: gateway.admin })];
}

function declared(service: Service, region: string) {
  const found = service.regions[region];
  if (found === undefined) throw noSuchRegion(service, region);
  return found;
}

export function noSuchRegion(service: Service, region: string) {
  const regions = Object.keys(service.regions);
  return serviceErrors.make(
    'no-such-region',
    `expected ${oneOf(region, regions)}; found "${region}"`,
    { region, regions },
  );
}

/** The store as a guard asks it; `null` parts of its configuration leave it without one. */
export function guardWitness(clock: Clock) {
  return (
    { store, service }: { store?: { url: string } | undefined; service?: string | undefined },
    { witnessDeadlineMs: deadlineMs }: Timing,
  ) => {
    if (store === undefined || service === undefined) return null;
    const remote = createRemoteStore({
      url: store.url,
      clock,
      attemptTimeoutMs: deadlineMs / 2,
      repeatForMs: deadlineMs,
    });
    const close = () => remote.close();
    return { ...storeWitness({ store: remote, service, clock, deadlineMs }), close };
  };
}
