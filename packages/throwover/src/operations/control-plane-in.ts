import type { Service, Traffic } from '../service/service.ts';
import { type DnsProviderKind, dnsCapabilities } from '../traffic/traffic.ts';

/** A part of the control plane that a run needs, and its place as far as known. */
interface Part {
  readonly name: string;
  readonly urls: readonly string[];
  /** A region of the file or a cloud region; `null`: only its address is known. */
  readonly standsIn: string | null;
}

/**
 * Returns the parts of the control plane that are in `region` (A6): because their address is one of
 * the region's own, or because they are declared to be in that region or its cloud region. A part
 * with several addresses is not in the region if one of them is elsewhere.
 */
export function controlPlaneIn(service: Service, region: string): readonly string[] {
  const declared = service.regions[region];
  if (declared === undefined) return [];
  const { door, functions, database, gateway, addresses } = declared;
  const own = [
    door.admin,
    door.forward,
    functions?.endpoint,
    database.guard,
    gateway?.admin,
    gateway?.deliver,
  ];
  const hosts = new Set([
    ...addresses,
    ...own.flatMap((url) => (url === undefined ? [] : [hostOf(url)])),
  ]);
  const names = [region, declared.cloudRegion ?? functions?.awsRegion];
  return partsOf(service).flatMap(({ name, urls, standsIn }) => {
    if (urls.length > 0 && urls.every((url) => hosts.has(hostOf(url)))) return [name];
    if (standsIn === null || !names.includes(standsIn)) return [];
    return [standsIn === region ? name : `${name} (${standsIn})`];
  });
}

function partsOf({ store, notify, traffic }: Service): readonly Part[] {
  const at = (given: string | undefined) => given ?? null;
  return [
    { name: 'the store', urls: [store.url], standsIn: at(store.standsIn) },
    ...notify.webhooks.map(({ url, standsIn }) => ({
      name: `the notifier ${new URL(url).origin}`,
      urls: [url],
      standsIn: at(standsIn),
    })),
    ...(notify.email === undefined
      ? []
      : [
          {
            name: 'the mail server',
            urls: [notify.email.server],
            standsIn: at(notify.email.standsIn),
          },
        ]),
    dnsPart(traffic),
  ];
}

/**
 * The API that a flip calls. An endpoint in the file is where its address says; AWS's own endpoint
 * is where AWS documents it.
 */
function dnsPart(traffic: Traffic): Part {
  const { standsIn } = dnsCapabilities[kindOf(traffic)];
  switch (traffic.provider) {
    case 'route53':
      return traffic.endpoint === undefined
        ? { name: "Route 53's control plane", urls: [], standsIn }
        : { name: 'the DNS provider', urls: [traffic.endpoint], standsIn: null };
    case 'arc': {
      const [first, ...others] = new Set(traffic.endpoints.map(({ awsRegion }) => awsRegion));
      const urls = traffic.endpoints.map(({ url }) => url);
      const alone = others.length === 0 && first !== undefined ? first : null;
      return { name: 'every endpoint of ARC', urls, standsIn: alone };
    }
    case 'rfc2136':
      return { name: 'the primary name server', urls: [`dns://${traffic.server}`], standsIn };
    case 'http':
      return { name: 'the DNS provider', urls: [traffic.url], standsIn };
  }
}

export function kindOf(traffic: Traffic): DnsProviderKind {
  return traffic.provider === 'route53' ? `route53-${traffic.routing}` : traffic.provider;
}

function hostOf(url: string): string {
  return new URL(url).hostname.replace(/^\[|\]$/g, '');
}
