import { Agent, type Dispatcher } from 'undici';
import { type Connect, type ConnectTo, connecting, type Machine } from '../access/machine.ts';
import { checkTiming, defaultTiming, storeWitness, type Timing } from '../authority/authority.ts';
import type { DrillSources } from '../drills/drills.ts';
import { resolverFacts } from '../evidence/evidence.ts';
import { defaultRamp } from '../functions/functions.ts';
import type { IssueTracker } from '../improvement/improvement.ts';
import { type Clock, type Random, systemRandom } from '../kernel/kernel.ts';
import { type Notifier, Notifiers } from '../notify/notify.ts';
import { controlPlaneIn } from '../operations/operations.ts';
import { cloudWatchMetrics } from '../providers/aws/cloudwatch.ts';
import { lambdaRegion } from '../providers/aws/lambda.ts';
import { githubIssues } from '../providers/github/github-issues.ts';
import { httpDoor } from '../providers/http/door.ts';
import { drillSources } from '../providers/http/drill-sources.ts';
import { httpEvidence } from '../providers/http/evidence.ts';
import { httpGateway } from '../providers/http/gateway.ts';
import { httpLagReports, type LagReports } from '../providers/http/lag-reports.ts';
import { httpRecords } from '../providers/http/records.ts';
import { webhookNotifier } from '../providers/http/webhook-notifier.ts';
import { postgresSide } from '../providers/postgres/database-side.ts';
import { emailNotifier } from '../providers/smtp/email-notifier.ts';
import type { EvidenceLog, RecordLog } from '../records/records.ts';
import {
  type Consent,
  noConsent,
  lostPatienceMs as usualLostPatienceMs,
} from '../replication/replication.ts';
import {
  buildRun,
  type Direction,
  type RegionPorts,
  type RunDefinition,
  type RunKind,
  type RunPolicy,
  type RunPorts,
} from '../runs/runs.ts';
import {
  type LoadedService,
  oneOf,
  ownGuards,
  placeOwnSteps,
  resolveSecret,
  type SecretRef,
  type Service,
  serviceErrors,
  ttlSecondsOf,
} from '../service/service.ts';
import { createRemoteStore } from '../store/remote/remote-store.ts';
import type { Store } from '../store/store.ts';
import { type AdoptableDns, beyondTtlMs, type DoorCounts } from '../traffic/traffic.ts';
import type { GatewayControl } from '../webhooks/webhooks.ts';
import { dnsOf } from './dns.ts';

/** All ports of a service. */
export interface Parts {
  readonly store: Store;
  readonly dns: AdoptableDns;
  /** In the order of throwover.yaml. */
  readonly regions: readonly RegionPorts[];
  /** The counters of the regions' doors. */
  readonly doorCounts: readonly DoorCounts[];
  readonly gateways: readonly GatewayControl[];
  /** The samples of replication from `throwover serve`. */
  readonly lag: LagReports;
  /** The measurements for the forecast. */
  readonly evidence: EvidenceLog;
  /** The records of what people did and said. */
  readonly records: RecordLog;
  /** Calendars and alarms of other systems. */
  readonly drills: DrillSources;
  /** This controller's certificate; `null`: it has none. */
  readonly machine: Machine | null;
  close(): Promise<void>;
}

/**
 * Share of clients whose resolvers must have dropped the answer with the old TTL before a planned
 * run continues.
 */
const waitedOutShare = 0.9;

/** Throws `timing-wrong`, with the arithmetic, if the timing settings do not fit together. */
export function checkTimingOf({ database }: Service): void {
  const { timing, fenceDeadlineMs, drain } = database;
  const { openTransactionsMs } = drain;
  checkTiming({ ...defaultTiming, ...timing, fenceDeadlineMs, openTransactionsMs });
}

export function compose(
  { service, directory }: Pick<LoadedService, 'service' | 'directory'>,
  options: {
    clock: Clock;
    env: NodeJS.ProcessEnv;
    /** This controller's certificate; `null`: calls go without TLS. */
    machine: Machine | null;
  },
): Parts {
  const { clock, env, machine } = options;
  const connectTo: ConnectTo = (callee) => machine?.connectTo(callee);
  const toServe = connectTo({ role: 'serve', region: null });
  const store = createRemoteStore({ url: service.store.url, clock, connect: toServe });
  const databases = new Map(
    Object.entries(service.regions).map(([region, { database }]) => [
      region,
      postgresSide({
        region,
        guardUrl: database.guard,
        attachTimeoutMs: service.database.attachTimeoutMs,
        clock,
        connect: connectTo({ role: 'guard', region }),
      }),
    ]),
  );
  // Closed with the session: a command must not stay up because a silent region has not answered.
  const agents: Agent[] = [];
  const agent = (connect: Connect) => {
    const made = new Agent(connecting(connect));
    agents.push(made);
    return made;
  };
  const serve = {
    ...{ url: service.store.url, service: service.name, clock },
    dispatcher: agent(toServe),
  };
  const regions = [...databases].map(([region, database]) => {
    const dispatcher = agent(connectTo({ role: 'door', region }));
    const door = doorOf(service, region, { dispatcher, clock });
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
    gateways: regions.flatMap(({ name: region }) => {
      const dispatcher = agent(connectTo({ role: 'gateway', region }));
      return gatewayOf(service, region, { dispatcher, clock });
    }),
    lag: httpLagReports(serve),
    evidence: httpEvidence(serve),
    records: httpRecords(serve),
    drills: drillSources(directory, clock),
    machine,
    close: async () => {
      await store.close();
      for (const database of databases.values()) await database.close();
      await Promise.all(agents.map((one) => one.destroy()));
    },
  };
}

/** Returns the guards and steps of one kind of run, with the team's own among them. */
export function defineRun(
  kind: RunKind,
  loaded: LoadedService,
  options: {
    parts: Parts;
    direction: Direction;
    /** The approved overrides. Default: none, as while a plan is made. */
    consent?: Consent;
    /** How long the run waits for the region that it leaves, ms. Default: as usual. */
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

/**
 * Returns the policy of a run. Life time becomes time of this environment where the lab scales it:
 * the keeping of warm capacity. The zone's TTL stays as it is written.
 */
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
          lowerTtl: { lowTtlSeconds: Math.round(traffic.lowerTtlMs / 1_000), timeScale },
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
            keepMs: timeScale.real(functions.holdMs),
            ramp: { ...defaultRamp, ...functions.ramp },
          },
  };
}

/** Returns the notifiers of a run. They connect to nothing until the first notice. */
export function notifiersOf(
  { service, directory }: LoadedService,
  options: {
    clock: Clock;
    random: Random;
    env: NodeJS.ProcessEnv;
    /** Called for a notice that could not be sent, which stops nothing. */
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

/**
 * Returns the issue tracker for the tasks of a week; `null` if none is declared. No call is made
 * until it is used.
 */
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

interface Calls {
  readonly dispatcher: Dispatcher;
  readonly clock: Clock;
}

function doorOf(service: Service, region: string, calls: Calls) {
  return httpDoor({ region, url: declared(service, region).door.admin, ...calls });
}

function functionsOf(service: Service, region: string, clock: Clock) {
  const functions = functionIn(service, region);
  return functions && lambdaRegion({ ...functions, clock });
}

function metricsOf(service: Service, region: string, clock: Clock) {
  const functions = functionIn(service, region);
  if (service.functions?.metrics !== 'cloudwatch' || functions === null) return {};
  const { endpoint: _, ...rest } = functions;
  const endpoint = declared(service, region).functions?.metricsEndpoint;
  const metrics = cloudWatchMetrics({ ...rest, clock, ...(endpoint && { endpoint }) });
  return { metrics };
}

/** Returns where the service's function is in this region; `null` if it has none there. */
export function functionIn(service: Service, region: string) {
  const { functions } = declared(service, region);
  if (service.functions === undefined || functions === undefined) return null;
  const { name: functionName, alias } = service.functions;
  const { awsRegion, endpoint } = functions;
  return { region, awsRegion, functionName, alias, ...(endpoint && { endpoint }) };
}

function gatewayOf(service: Service, region: string, calls: Calls): readonly GatewayControl[] {
  const { gateway } = declared(service, region);
  if (service.webhooks === undefined || gateway === undefined) return [];
  return [httpGateway({ region, url: gateway.admin, ...calls })];
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

/**
 * Returns the store as a guard asks it; `null` if the guard's configuration names no store or no
 * service.
 */
export function guardWitness(clock: Clock) {
  return (
    { store, service }: { store?: { url: string } | undefined; service?: string | undefined },
    { witnessDeadlineMs: deadlineMs }: Timing,
    machine: Machine | null,
  ) => {
    if (store === undefined || service === undefined) return null;
    const remote = createRemoteStore({
      url: store.url,
      clock,
      attemptTimeoutMs: deadlineMs / 2,
      repeatForMs: deadlineMs,
      connect: machine?.connectTo({ role: 'serve', region: null }),
    });
    const close = () => remote.close();
    return { ...storeWitness({ store: remote, service, clock, deadlineMs }), close };
  };
}
