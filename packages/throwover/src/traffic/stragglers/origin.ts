import type { IncomingMessage } from 'node:http';
import ipaddr from 'ipaddr.js';

/** Prefix lengths at which clients share a resolver as a rule, and below which a log would name a person. */
const prefixes = { ipv4: 24, ipv6: 48 } as const;

/** Longest product token that is kept. */
const maxAgentLength = 40;

/** Where a request comes from, as far as it may be kept. */
export interface Origin {
  /** `192.0.2.0/24`, `2001:db8::/48`, or `unknown`. */
  readonly network: string;
  /** Product token of the user agent without its version: `curl`, `Java-http-client`, or `unknown`. */
  readonly agent: string;
}

/** `trusted`: networks (CIDR) of proxies whose `X-Forwarded-For` is believed. */
export function originReader(trusted: readonly string[]): (req: IncomingMessage) => Origin {
  const ranges = trusted.map((cidr) => ipaddr.parseCIDR(cidr));
  const isTrusted = (address: string) => {
    if (ranges.length === 0 || !ipaddr.isValid(address)) return false;
    const parsed = ipaddr.process(address);
    return ranges.some(([base, bits]) => parsed.kind() === base.kind() && parsed.match(base, bits));
  };
  // Few clients send most requests: parsing an address once is enough. Bounded by being thrown away.
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

/** The last address of the chain that no trusted proxy stands at: those before it can be made up. */
function clientAddress(req: IncomingMessage, isTrusted: (address: string) => boolean): string {
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

/** The /24 or /48 that an address is in; `unknown` for what is no address. */
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
