import type { IncomingMessage } from 'node:http';
import ipaddr from 'ipaddr.js';
import { type IsTrusted, trustedProxies } from '../trusted-proxies.ts';

/**
 * Prefix lengths of networks: clients of one network usually share a resolver, and a shorter
 * network would identify a person in a log.
 */
const prefixes = { ipv4: 24, ipv6: 48 } as const;

/** Longest product token that is kept. */
const maxAgentLength = 40;

/** The origin of a request, as far as it may be stored. */
export interface Origin {
  /** `192.0.2.0/24`, `2001:db8::/48`, or `unknown`. */
  readonly network: string;
  /** Product token of the user agent without its version: `curl`, `Java-http-client`, or `unknown`. */
  readonly agent: string;
}

/**
 * Returns a function that reads the origin of a request. `trusted`: networks (CIDR) of proxies
 * whose `X-Forwarded-For` is trusted.
 */
export function originReader(trusted: readonly string[]): (req: IncomingMessage) => Origin {
  const isTrusted = trustedProxies(trusted);
  // Few clients send most requests, so each address is parsed once. When the cache is full it is
  // cleared.
  const known = new Map<string, string>();
  return (req) => {
    const address = clientAddress(req, isTrusted);
    let network = known.get(address);
    if (network === undefined) {
      network = networkOf(address);
      if (known.size >= 10_000) known.clear();
      known.set(address, network);
    }
    return { network, agent: agentOf(req.headers['user-agent']) };
  };
}

/**
 * Returns the last address of the chain that is not a trusted proxy, because earlier ones can be
 * forged.
 */
function clientAddress(req: IncomingMessage, isTrusted: IsTrusted): string {
  let address = req.socket.remoteAddress ?? 'unknown';
  if (!isTrusted(address)) return address;
  const chain = String(req.headers['x-forwarded-for'] ?? '')
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
  for (const before of chain.reverse()) {
    if (!ipaddr.isValid(before)) return address;
    address = before;
    if (!isTrusted(before)) return before;
  }
  return address;
}

/** Returns the /24 or /48 of an address; `unknown` if it is not an address. */
export function networkOf(address: string): string {
  if (!ipaddr.isValid(address)) return 'unknown';
  const parsed = ipaddr.process(address);
  const bits = prefixes[parsed.kind()];
  const base =
    parsed.kind() === 'ipv4'
      ? ipaddr.IPv4.networkAddressFromCIDR(`${parsed}/${bits}`)
      : ipaddr.IPv6.networkAddressFromCIDR(`${parsed}/${bits}`);
  return `${base}/${bits}`;
}

function agentOf(header: string | undefined): string {
  const token = /^[A-Za-z0-9!#$%&'*+.^_`|~-]+/.exec(header ?? '')?.[0];
  return token === undefined ? 'unknown' : token.slice(0, maxAgentLength);
}
