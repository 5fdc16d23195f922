import type { Clock, Random } from '../kernel/kernel.ts';
import { arcDns } from '../providers/aws/arc.ts';
import { route53Dns } from '../providers/aws/route53.ts';
import { httpDns } from '../providers/http/dns-http.ts';
import { askNameservers } from '../providers/nameservers.ts';
import { rfc2136Dns } from '../providers/rfc2136/rfc2136.ts';
import { type SecretRef, type Service, ttlSecondsOf } from '../service/service.ts';
import type { Store } from '../store/store.ts';
import type { AdoptableDns } from '../traffic/traffic.ts';

/**
 * Returns the DNS provider of the record, as `traffic.provider` names it. No call is made until it
 * is used.
 */
export function dnsOf(
  service: Service,
  options: {
    store: Store;
    clock: Clock;
    random: Random;
    readSecret: (ref: SecretRef) => Promise<string>;
  },
): AdoptableDns {
  const { traffic, regions } = service;
  const { store, clock, random, readSecret } = options;
  const common = {
    name: traffic.name,
    type: traffic.type,
    ...(traffic.nameservers === undefined ? {} : { nameservers: traffic.nameservers }),
  };
  switch (traffic.provider) {
    case 'route53': {
      const { endpoint, zoneId, routing } = traffic;
      return route53Dns({ ...common, zoneId, routing, ...(endpoint && { endpoint }) });
    }
    case 'arc':
      return arcDns({
        ...common,
        ttlSeconds: ttlSecondsOf(service),
        endpoints: traffic.endpoints,
        regions: Object.fromEntries(
          Object.entries(regions).map(([region, { addresses }]) => [
            region,
            { control: traffic.controls[region] ?? '', addresses },
          ]),
        ),
        epoch: async () => (await store.service(service.name)).epoch,
        random,
      });
    case 'rfc2136': {
      const { server, zone, key } = traffic;
      return rfc2136Dns({
        ...common,
        server,
        zone,
        key: { ...key, secret: () => readSecret(key.secret) },
        clock,
      });
    }
    case 'http': {
      const { url, secret } = traffic;
      return httpDns({
        ...common,
        url,
        clock,
        token: secret === undefined ? null : () => readSecret(secret),
      });
    }
  }
}

/** Number of questions to the authoritative servers that are timed. */
const timedQuestions = 20;

/**
 * Returns how long each question to the authoritative servers takes from here, ms, asked one by
 * one; `null`: throwover.yaml names no servers. Errors: `dns-unreachable`.
 */
export async function resolutionTimesMs(
  { traffic }: Service,
  clock: Clock,
): Promise<readonly number[] | null> {
  const { nameservers } = traffic;
  if (nameservers === undefined) return null;
  const times: number[] = [];
  for (let question = 0; question < timedQuestions; question += 1) {
    const server = nameservers[question % nameservers.length] ?? '';
    const startMs = clock.monotonicMs();
    await askNameservers([server], traffic);
    times.push(clock.monotonicMs() - startMs);
  }
  return times;
}
