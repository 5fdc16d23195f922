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
  /^(?:(?:x-|x-original-)?forwarded(?:-.+)?|(?:.+-)?client-?ip(?:v6)?|x-real-.+|(?:cf|do)-connecting-ip(?:v6)?|cf-pseudo-ipv4|cf-visitor|cloudfront-(?:viewer-address|forwarded-proto)|x-azure-(?:client|socket)ip|x-appengine-user-ip|x-envoy-external-address|x-(?:remote|originating|proxyuser)-(?:ip|addr)|x-original-(?:host|proto)|x-(?:url-)?scheme|front-end-https)$/;

/**
 * Returns the names of the headers (lower case) that this request must not bring along: a sender
 * that is not a named proxy could make the application take it for another client.
 */
export function unbelievedHeaders(req: IncomingMessage, isTrusted: IsTrusted): readonly string[] {
  if (isTrusted(req.socket.remoteAddress)) return [];
  // Many frameworks take `_` for `-`.
  return Object.keys(req.headers).filter((name) => tellsOfAClient.test(name.replaceAll('_', '-')));
}
