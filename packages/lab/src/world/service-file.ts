import { urlOf } from 'throwover/kernel';
import { stringify } from 'yaml';
import { identityIn } from './identity.ts';
import { type LabMap, regionNames } from './map.ts';
import { type LabOptions, timeScale } from './options.ts';

/** Life-time TTL of the record, s, as most teams that plan for failovers choose it. */
export const ttlSeconds = 60;

/**
 * Loss bound of a team that replicates asynchronously: covers a lag sample each second, and a
 * person's decision.
 */
const lossBound = '10s';

/** Returns the throwover.yaml of the lab's service, as a team would write it. */
export function serviceFile(map: LabMap, options: LabOptions): string {
  return stringify({
    version: 1,
    service: 'checkout',
    owner: 'payments-team',
    onCall: ['on-call@example.test'],
    objectives: { rto: '5m', rpo: '0s' },
    timeScale,
    active: 'east',
    identity: identityIn(map.pki, 'controller'),
    store: { url: urlOf(map.store, 'https') },
    regions: Object.fromEntries(regionNames.map((name) => [name, regionBlock(map, options, name)])),
    traffic: {
      provider: 'route53',
      endpoint: urlOf(map.route53),
      zoneId: map.zoneId,
      name: map.hostname,
      type: 'A',
      ttl: `${ttlSeconds}s`,
      nameservers: [`${map.dns.host}:${map.dns.port}`],
    },
    canary: {
      zone: map.canary.zone,
      listen: `${map.canary.host}:${map.canary.port}`,
      nameservers: [{ name: `ns1.${map.canary.zone}`, addresses: [map.canary.host] }],
    },
    // Only by hand (`throwover dns survey`): in the background it would ask while another
    // measurement runs.
    survey: {
      resolvers: options.resolvers(map).map(({ port }) => `${map.dns.host}:${port}`),
      every: '0s',
      longest: '30m',
    },
    functions: {
      name: 'checkout',
      alias: 'live',
      strategy: options.warmStrategy,
      warm: options.warm,
      burst: 2,
      hold: options.keepWarm,
    },
    database: {
      provider: 'postgres',
      lagBound: '200ms',
      armTimeout: '2m',
      drain: options.drain,
      attachTimeout: '5m',
      writerFence: options.writerFence,
      lossBound,
    },
    ...(options.standing === null ? {} : { approval: { standing: standing(options.standing) } }),
    webhooks: {
      retention: '72h',
      sources: {
        stripe: { scheme: 'stripe', secret: 'env:STRIPE_WEBHOOK_SECRET', path: '/webhooks/stripe' },
      },
    },
  });
}

function standing(looks: NonNullable<LabOptions['standing']>) {
  return {
    by: 'payments-team, for the lab',
    ...looks,
    overrides: ['two-writers', 'loss-above-bound'],
  };
}

function regionBlock(map: LabMap, { dir }: LabOptions, name: (typeof regionNames)[number]) {
  const region = map.regions[name];
  // A region restarts processes that end, so its guard is frozen and not ended; the brackets keep
  // pgrep from finding itself.
  const signalGuard = (signal: string) =>
    `kill -${signal} $(pgrep -f '${dir}/config/[${name[0]}]${name.slice(1)}-guard[.]json')`;
  return {
    addresses: [region.publicHost],
    door: {
      admin: urlOf(region.public.doorAdmin, 'https'),
      forward: urlOf(region.public.interDoor),
    },
    functions: { endpoint: urlOf(region.public.functions), awsRegion: region.awsRegion },
    database: { guard: urlOf(region.public.guard, 'https') },
    gateway: {
      admin: urlOf(region.public.gatewayAdmin, 'https'),
      deliver: urlOf(region.public.door),
    },
    byHand: { stopGuard: signalGuard('STOP'), startGuard: signalGuard('CONT') },
  };
}
