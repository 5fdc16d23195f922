import type { IncomingMessage } from 'node:http';
import ipaddr from 'ipaddr.js';

/** Whether an address is that of a proxy which the team has named. */
export type IsTrusted = (address: string | undefined) => boolean;

/** `networks`: of the proxies, CIDR. */
export function trustedProxies(networks: readonly string[]): IsTrusted {
  const ranges = networks.map((cidr) => ipaddr.parseCIDR(cidr));
  return (address) => {
    if (ranges.length === 0 || address === undefined || !ipaddr.isValid(address)) return false;
    const parsed = ipaddr.process(address);
    return ranges.some(([base, bits]) => parsed.kind() === base.kind() && parsed.match(base, bits));
  };
}

/** Headers by which proxies tell of the client before them: RFC 7239, and those in common use. */
const tellsOfAClient =
  /^(?:forwarded|x-forwarded|x-forwarded-.+|x-original-forwarded-.+|x-real-ip|x-client-ip|x-cluster-client-ip|true-client-ip|cf-connecting-ip(?:v6)?|fastly-client-ip|x-envoy-external-address)$/;

/**
 * Returns the names of the headers (lower case) that this request must not bring along: whoever is
 * no named proxy could make the application take it for another client.
 */
export function unbelievedHeaders(req: IncomingMessage, isTrusted: IsTrusted): readonly string[] {
  if (isTrusted(req.socket.remoteAddress)) return [];
  // Many frameworks take `_` for `-`.
  return Object.keys(req.headers).filter((name) => tellsOfAClient.test(name.replaceAll('_', '-')));
}
