/**
 * The only file that names adapters: what a team declared -> the ports that a run works with.
 * Nothing is called and no SDK is loaded until a port is used.
 */
import type { Clock } from './kernel/kernel.ts';
import { lambdaRegion } from './providers/aws/lambda.ts';
import { type Route53Dns, route53Dns } from './providers/aws/route53.ts';
import { httpDoor } from './providers/http/door.ts';
import { httpGateway } from './providers/http/gateway.ts';
import { postgresSide } from './providers/postgres/database-side.ts';
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
  close(): Promise<void>;
}

/** A run's own facts: where from, where to, since which epoch. */
export interface Direction {
  readonly from: string;
  readonly to: string;
  readonly epoch: number;
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
  options: { parts: Parts; direction: Direction; env: NodeJS.ProcessEnv; clock: Clock },
): RunDefinition {
  const { parts, direction, env, clock } = options;
  const { service, directory } = loaded;
  const definition = buildRun(
    kind,
    portsOf(service, parts, direction),
    policyOf(service, direction),
    clock,
  );
  const own = { kind, directory, env };
  return {
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
  };
}

/** Life time becomes time as it passes here for what the lab scales: holding warm capacity. The zone's TTL stays as it is written. */
function policyOf(service: Service, { from, to, epoch }: Direction): RunPolicy {
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
    record: {
      name: traffic.name,
      type: traffic.type,
      ttlSeconds: Math.max(1, Math.round(traffic.ttlMs / 1_000)),
      values: next.addresses,
    },
    forwardUrl: next.door.forward,
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
