/**
 * With compose/, all that names adapters: what a team declared -> the ports that a run works with.
 * Nothing is called and no SDK is loaded until a port is used.
 *
 *   compose/dns.ts            the DNS provider of `traffic`
 *   compose/resolvers.ts      resolvers as the evidence log has them
 *   compose/control-plane.ts  what a run needs that stands in the region being left (A6)
 */

import { Agent, type Dispatcher } from 'undici';
import type { Timing } from './authority/timing.ts';
import { checkTiming, defaultTiming } from './authority/timing.ts';
import { storeWitness } from './authority/witness.ts';
import { controlPlaneIn } from './compose/control-plane.ts';
import { dnsOf, ttlSecondsOf } from './compose/dns.ts';
import { resolverFacts } from './compose/resolvers.ts';
import type { DrillSources } from './drills/facts.ts';
import type { RecordLog } from './evidence/record-log.ts';
import type { EvidenceLog } from './evidence/samples.ts';
import type { IssueTracker } from './evidence/week-issues.ts';
import { defaultRamp } from './functions/functions.ts';
import { type Clock, type Random, systemRandom } from './kernel/kernel.ts';
import { type Notifier, Notifiers } from './notify/notify.ts';
import { cloudWatchMetrics } from './providers/aws/cloudwatch.ts';
import { lambdaRegion } from './providers/aws/lambda.ts';
import { githubIssues } from './providers/github/github-issues.ts';
import { httpDoor } from './providers/http/door.ts';
import { drillSources } from './providers/http/drill-sources.ts';
import { httpEvidence } from './providers/http/evidence.ts';
import { httpGateway } from './providers/http/gateway.ts';
import { httpLagReports, type LagReports } from './providers/http/lag-reports.ts';
import { httpRecords } from './providers/http/records.ts';
import { webhookNotifier } from './providers/http/webhook-notifier.ts';
import { postgresSide } from './providers/postgres/database-side.ts';
import { emailNotifier } from './providers/smtp/email-notifier.ts';
import {
  type Consent,
  noConsent,
  lostPatienceMs as usualLostPatienceMs,
} from './replication/replication.ts';
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
import type { AdoptableDns } from './traffic/dns.ts';
import type { DoorCounts } from './traffic/door.ts';
import { beyondTtlMs } from './traffic/ttl/cache-life.ts';
import type { GatewayControl } from './webhooks/webhooks.ts';

/** Everything that the service stands on. */
export interface Parts {
  readonly store: Store;
  readonly dns: AdoptableDns;
  /** In the order of the file. */
  readonly regions: readonly RegionPorts[];
  /** What the regions' doors have counted. */
  readonly doorCounts: readonly DoorCounts[];
  readonly gateways: readonly GatewayControl[];
  /** What `throwover serve` has sampled of replication. */
  readonly lag: LagReports;
  /** What was measured for the forecast. */
  readonly evidence: EvidenceLog;
  /** What people did and said. */
  readonly records: RecordLog;
  /** Calendars and alarms of others. */
  readonly drills: DrillSources;
  close(): Promise<void>;
}

/** Share of clients whose resolvers have let go of the old TTL before a planned run goes on. */
const waitedOutShare = 0.9;

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

export function compose(
  { service, directory }: Pick<LoadedService, 'service' | 'directory'>,
  { clock, env }: { clock: Clock; env: NodeJS.ProcessEnv },
): Parts {
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
  // Ended with the session: a command must not stay up for what a silent region was asked.
  const dispatcher = new Agent();
  const regions = [...databases].map(([region, database]) => {
    const door = doorOf(service, region, dispatcher);
    const functions = functionsOf(service, region, clock);
    const metrics = metricsOf(service, region, clock);
    return { name: region, database, door, counts: door, functions, ...metrics };
  });
  return {
    store,
    dns: dnsOf(service, {
      store,
      clock,
      random: systemRandom,
      readSecret: (ref) => resolveSecret(ref, { env, directory }),
    }),
    doorCounts: regions.map(({ counts }) => counts),
    regions,
    gateways: regions.flatMap(({ name }) => gatewayOf(service, name, dispatcher)),
    lag: httpLagReports({ url: service.store.url, service: service.name }),
    evidence: httpEvidence({ url: service.store.url, service: service.name }),
    records: httpRecords({ url: service.store.url, service: service.name }),
    drills: drillSources(directory),
    close: async () => {
      await store.close();
      for (const database of databases.values()) await database.close();
      await dispatcher.destroy();
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
    /** How long the region that is left is waited for, ms, where that is known better than usual. */
    lostPatienceMs?: number;
    env: NodeJS.ProcessEnv;
    clock: Clock;
  },
): RunDefinition {
  const { parts, direction, env, clock } = options;
  const { consent = noConsent, lostPatienceMs = usualLostPatienceMs } = options;
  const { service, directory } = loaded;
  const definition = buildRun(
    kind,
    portsOf(service, parts, direction, clock),
    policyOf(service, direction, { consent, lostPatienceMs }),
    clock,
  );
  const own = { kind, directory, env };
  return {
    ...definition,
    guards: [...definition.guards, ...ownGuards(service.checks, direction, own)],
    steps: placeOwnSteps(definition.steps, service.steps, own),
  };
}

function portsOf(service: Service, parts: Parts, { from, to }: Direction, clock: Clock): RunPorts {
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
    beyondTtl: async () => {
      const { resolvers } = await resolverFacts(parts.evidence, clock);
      return beyondTtlMs(resolvers, ttlSecondsOf(service), waitedOutShare);
    },
  };
}

/** Life time becomes time as it passes here for what the lab scales: holding warm capacity. The zone's TTL stays as it is written. */
export function policyOf(
  service: Service,
  { from, to, epoch }: Direction,
  asked: Pick<RunPolicy, 'consent' | 'lostPatienceMs'>,
): RunPolicy {
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
    ...asked,
    record: {
      name: traffic.name,
      type: traffic.type,
      ttlSeconds: ttlSecondsOf(service),
      values: next.addresses,
    },
    ...(traffic.lowerTtlMs === null
      ? {}
      : {
          lowerTtl: { ttlSeconds: Math.round(traffic.lowerTtlMs / 1_000), timeScale },
        }),
    forwardUrl: next.door.forward,
    backwardUrl: old.door.forward,
    deliverUrl: next.gateway?.deliver ?? next.door.forward,
    returnUrl: old.gateway?.deliver ?? old.door.forward,
    warm:
      functions === undefined
        ? null
        : {
            strategy: functions.strategy,
            instances: functions.warm,
            burst: functions.burst,
            keepMs: functions.holdMs / timeScale,
            ramp: { ...defaultRamp, ...functions.ramp },
          },
  };
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

/** Where tasks of a week are issues; null: nowhere. Nothing is called until it is used. */
export function issueTrackerOf(
  { service, directory }: LoadedService,
  { env, clock }: { env: NodeJS.ProcessEnv; clock: Clock },
): IssueTracker | null {
  const { github } = service.week;
  if (github === undefined) return null;
  const { token, repository, label, api } = github;
  const read = () => resolveSecret(token, { env, directory });
  return githubIssues({ repository, label, api, token: read, clock });
}

function doorOf(service: Service, region: string, dispatcher: Dispatcher) {
  return httpDoor({ region, url: declared(service, region).door.admin, dispatcher });
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

function metricsOf(service: Service, region: string, clock: Clock) {
  const { functions } = declared(service, region);
  if (service.functions?.metrics !== 'cloudwatch' || functions === undefined) return {};
  const { awsRegion, metricsEndpoint } = functions;
  const { name: functionName, alias } = service.functions;
  const endpoint = metricsEndpoint === undefined ? {} : { endpoint: metricsEndpoint };
  const metrics = cloudWatchMetrics({ region, awsRegion, functionName, alias, clock, ...endpoint });
  return { metrics };
}

function gatewayOf(
  service: Service,
  region: string,
  dispatcher: Dispatcher,
): readonly GatewayControl[] {
  const { gateway } = declared(service, region);
  if (service.webhooks === undefined || gateway === undefined) return [];
  return [httpGateway({ region, url: gateway.admin, dispatcher })];
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

/** The evidence log of a service, for who has no throwover.yaml. */
export function evidenceOf(at: { url: string; service: string }): EvidenceLog {
  return httpEvidence(at);
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
