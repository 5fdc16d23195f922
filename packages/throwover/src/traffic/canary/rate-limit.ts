import ipaddr from 'ipaddr.js';
import type { Clock } from '../../kernel/kernel.ts';

/** Most networks that are remembered, so that a flood from forged addresses takes only a few MB. */
const maxNetworks = 50_000;

/**
 * Every second answer over the limit is sent with TC, so that an honest client of a flooded network
 * uses TCP.
 */
const slipEvery = 2;

export type Permission = 'answer' | 'slip' | 'drop';

interface Bucket {
  tokens: number;
  atMs: number;
  limited: number;
}

/**
 * Limits the response rate over UDP for each client network, /24 or /56: a token bucket that holds
 * one second.
 */
export function rateLimit(options: {
  /** Answers per second for each network; `null`: no limit. */
  perSecond: number | null;
  clock: Clock;
}): (address: string) => Permission {
  const { perSecond, clock } = options;
  if (perSecond === null) return () => 'answer';
  const buckets = new Map<string, Bucket>();
  return (address) => {
    const network = networkOf(address);
    const nowMs = clock.monotonicMs();
    let bucket = buckets.get(network);
    if (bucket === undefined) {
      bucket = { tokens: perSecond, atMs: nowMs, limited: 0 };
      buckets.set(network, bucket);
      const [oldest] = buckets.keys();
      if (buckets.size > maxNetworks && oldest !== undefined) buckets.delete(oldest);
    }
    const refilled = bucket.tokens + ((nowMs - bucket.atMs) / 1_000) * perSecond;
    bucket.tokens = Math.min(perSecond, refilled);
    bucket.atMs = nowMs;
    if (bucket.tokens >= 1) {
      bucket.tokens -= 1;
      return 'answer';
    }
    bucket.limited += 1;
    return bucket.limited % slipEvery === 0 ? 'slip' : 'drop';
  };
}

/**
 * Returns the network whose addresses share a bucket. An IPv4 address is cut as text, because this
 * runs for each packet.
 */
function networkOf(address: string): string {
  if (!address.includes(':')) return address.slice(0, address.lastIndexOf('.'));
  const parsed = ipaddr.process(address);
  if (parsed.kind() === 'ipv4') return parsed.toString().replace(/\.\d+$/, '');
  return ipaddr.IPv6.networkAddressFromCIDR(`${parsed}/56`).toString();
}
