import { absoluteIn } from '../access/identity.ts';
import { assertNever, type Clock, shellWord } from '../kernel/kernel.ts';
import { arcHands } from '../providers/aws/arc-by-hand.ts';
import { lambdaHands } from '../providers/aws/lambda-by-hand.ts';
import { route53Hands } from '../providers/aws/route53-by-hand.ts';
import { doorHands, gatewayHands, httpDnsHands } from '../providers/http/by-hand.ts';
import { postgresHands } from '../providers/postgres/by-hand.ts';
import { postgresSide } from '../providers/postgres/database-side.ts';
import { rfc2136Hands } from '../providers/rfc2136/by-hand.ts';
import { noConsent, sequenceAdvance } from '../replication/replication.ts';
import type { ByHand, HandDocument } from '../runbook/runbook.ts';
import {
  afterByHand,
  beforeByHand,
  byHand,
  type Direction,
  type DnsHands,
  type FunctionHands,
  type HandFacts,
  type Hands,
  isStepName,
  type RunKind,
} from '../runs/runs.ts';
import {
  type LoadedService,
  type OwnAction,
  type OwnStep,
  type SecretRef,
  type Service,
  ttlSecondsOf,
} from '../service/service.ts';
import { defineRun, functionIn, type Parts, policyOf } from './service-ports.ts';

/** Kinds of run that people can do by hand. */
export const handKinds = ['switchover', 'failover'] as const satisfies readonly RunKind[];
export type HandKind = (typeof handKinds)[number];

/**
 * Returns the run as a document for people, with the present answers of guards and DNS provider.
 * Throws their errors when they do not answer, because the document is printed ahead of time.
 */
export async function handDocument(
  kind: HandKind,
  loaded: LoadedService,
  options: {
    readonly parts: Parts;
    readonly direction: Direction;
    readonly env: NodeJS.ProcessEnv;
    readonly clock: Clock;
  },
): Promise<HandDocument> {
  const { direction } = options;
  const { service } = loaded;
  const { from, to, epoch } = direction;
  const { steps } = defineRun(kind, loaded, options);
  const policy = policyOf(service, direction, { consent: noConsent, lostPatienceMs: 0 });
  const nobodyKnows = { kind: 'unknown', why: 'by hand' } as const;
  const facts: HandFacts = {
    ...{ kind, from, to, policy },
    hands: await handsOf(loaded, direction, options),
    sequenceAdvance: sequenceAdvance(nobodyKnows, service.database.idsPerSecond).by,
  };
  const own = new Map(service.steps.map((step) => [step.name, step]));
  return {
    version: 1,
    service: service.name,
    ...{ kind, from, to, epoch },
    onCall: service.onCall,
    machines: Object.fromEntries(
      Object.entries(service.regions).flatMap(([name, region]) =>
        region.byHand.machine === undefined ? [] : [[name, region.byHand.machine]],
      ),
    ),
    before: beforeByHand(facts),
    steps: steps.map(({ name, title, noReturn }) => ({
      ...{ name, title, noReturn: noReturn === true },
      byHand: isStepName(name) ? byHand(name, facts) : ownByHand(own.get(name)),
    })),
    after: afterByHand(facts),
  };
}

async function handsOf(
  { service, directory }: LoadedService,
  { from, to }: Direction,
  calls: { readonly parts: Pick<Parts, 'machine'>; readonly clock: Clock },
): Promise<Hands> {
  const names = [from, to];
  const identity = service.identity === undefined ? null : absoluteIn(directory, service.identity);
  const [dns, ...databases] = await Promise.all([
    dnsHands(service),
    ...names.map(async (name) => [name, await databaseHands(service, name, calls)] as const),
  ]);
  const databaseOf = new Map(databases);
  return {
    dns,
    database: (region) => found(databaseOf.get(region), region),
    door: (region) => doorHands({ region, admin: declared(service, region).door.admin, identity }),
    gateways: Object.entries(service.regions).flatMap(([region, { gateway }]) =>
      service.webhooks === undefined || gateway === undefined
        ? []
        : [gatewayHands({ region, admin: gateway.admin, identity })],
    ),
    functions: (region) => functionHands(service, { region, from }),
  };
}

/** Asks the guard beside the database, because only that guard knows where the database is. */
async function databaseHands(
  service: Service,
  region: string,
  calls: { readonly parts: Pick<Parts, 'machine'>; readonly clock: Clock },
) {
  const { parts, clock } = calls;
  const { database, byHand: commands } = declared(service, region);
  const connect = parts.machine?.connectTo({ role: 'guard', region });
  const side = postgresSide({
    ...{ region, guardUrl: database.guard, attachTimeoutMs: 0, clock, connect },
  });
  try {
    return postgresHands(await side.place(), {
      commands,
      strict: service.database.writerFence === 'strict',
    });
  } finally {
    await side.close();
  }
}

async function dnsHands(service: Service): Promise<DnsHands> {
  const { traffic } = service;
  const { name, type } = traffic;
  const common = { name, type, ttlSeconds: ttlSecondsOf(service) };
  switch (traffic.provider) {
    case 'route53': {
      const { zoneId, routing, endpoint } = traffic;
      return route53Hands({ ...common, zoneId, routing, ...(endpoint && { endpoint }) });
    }
    case 'arc':
      return arcHands(traffic);
    case 'rfc2136': {
      const { server, zone, key } = traffic;
      return rfc2136Hands({ ...common, server, zone, key: { ...key, secret: told(key.secret) } });
    }
    case 'http': {
      const { url, secret } = traffic;
      return httpDnsHands({ ...common, url, token: secret === undefined ? null : told(secret) });
    }
    default:
      return assertNever(traffic);
  }
}

function functionHands(
  service: Service,
  { region, from }: { region: string; from: string },
): FunctionHands | null {
  const functions = functionIn(service, region);
  if (service.functions === undefined || functions === null) return null;
  const { warm, burst } = service.functions;
  return lambdaHands({
    ...functions,
    instances: warm === 'measured' ? { door: declared(service, from).door.admin, burst } : warm,
  });
}

/** A step of the team's own: people run the commands that throwover would run. */
function ownByHand(own: OwnStep | undefined): ByHand {
  if (own === undefined) return { none: 'Nobody has said how.' };
  const work = (says: string, action: OwnAction) => [
    { on: null, says, lines: [commandOf(action)] },
  ];
  return {
    work: work(own.title ?? `Own step ${own.name}`, own.act),
    look: `This works: ${commandOf(own.observe)}`,
    back: 'none' in own.undo ? { none: own.undo.none } : work(`Take ${own.name} back`, own.undo),
  };
}

function commandOf(action: OwnAction): string {
  if ('command' in action) return action.command.map(shellWord).join(' ');
  const { method, url, body, headers = {} } = action.http;
  return [
    'curl -fsS -X',
    method,
    ...Object.entries(headers).map(([name, value]) => `-H ${shellWord(`${name}: ${value}`)}`),
    shellWord(url),
    ...(body === undefined ? [] : ['-d', shellWord(body)]),
  ].join(' ');
}

/** The place of a secret, for people. */
function told(secret: SecretRef): string {
  return secret.from === 'env' ? `env:${secret.name}` : `file:${secret.path}`;
}

function declared(service: Service, region: string) {
  return found(service.regions[region], region);
}

function found<T>(value: T | undefined, region: string): T {
  if (value === undefined) throw new Error(`${region} is no region of this run`);
  return value;
}
