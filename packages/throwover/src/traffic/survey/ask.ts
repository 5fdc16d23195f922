import { Resolver } from 'node:dns/promises';
import type { Clock } from '../../kernel/kernel.ts';
import { readFrom, readStamp } from '../canary/canary.ts';
import type { Observation } from './observation.ts';

/**
 * Longest wait for one answer, ms: a resolver whose authoritative server fails answers within
 * seconds.
 */
const queryTimeoutMs = 3_000;

export type AddressType = 'AAAA' | 'A';

/** Asks one resolver. Both calls always settle; a missing answer is an outcome, not an error. */
export interface ResolverClient {
  ask(name: string, type: AddressType): Promise<Observation>;
  /** Returns the address from which the zone's server was asked for `name`; `null` if unknown. */
  identity(name: string): Promise<string | null>;
  close(): void;
}

/**
 * A client for the resolver at `server`: `192.0.2.1:53`, `[2001:db8::1]:53`. Sends each query once
 * over UDP, then over TCP if the answer is cut.
 */
export function dnsResolverClient(server: string, clock: Clock): ResolverClient {
  const resolver = new Resolver({ timeout: queryTimeoutMs, tries: 1 });
  resolver.setServers([server]);
  return {
    ask: async (name, type) => {
      const sentMs = clock.wallMs();
      const none = (reason: string): Observation => ({
        outcome: 'none',
        sentMs,
        receivedMs: clock.wallMs(),
        reason,
      });
      try {
        const [answer] =
          type === 'AAAA'
            ? await resolver.resolve6(name, { ttl: true })
            : await resolver.resolve4(name, { ttl: true });
        const receivedMs = clock.wallMs();
        const stamp = answer === undefined ? null : readStamp(answer.address, receivedMs);
        if (answer === undefined || stamp === null) return none('not-our-answer');
        return { outcome: 'answer', sentMs, receivedMs, stamp, ttlSeconds: answer.ttl };
      } catch (error) {
        return none(codeOf(error));
      }
    },
    identity: async (name) => {
      try {
        const [strings] = await resolver.resolveTxt(name);
        return readFrom((strings ?? []).join(''));
      } catch (error) {
        codeOf(error);
        return null;
      }
    },
    close: () => resolver.cancel(),
  };
}

/** Returns the error code of c-ares; any other error is a bug. */
function codeOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (typeof code !== 'string') throw error;
  return code.toLowerCase();
}
