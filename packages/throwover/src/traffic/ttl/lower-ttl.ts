import type { Evidence, TimeScale } from '../../kernel/kernel.ts';
import { done, look, pending, type Step } from '../../runbook/runbook.ts';
import { type DnsProvider, type DnsRecord, sameValues } from '../dns.ts';
import type { Measured } from './cache-life.ts';

/**
 * Longest time beyond the old TTL that a run waits, ms of life time: holds of 15 min and more were
 * seen in production.
 */
const longestBeyondMs = 30 * 60_000;

/** Longest time for the change itself, ms: Route 53 says "generally within 60 seconds". */
const changeTimeoutMs = 120_000;

/** Pause between two reads while the run waits for the old TTL, ms. */
const pollMs = 1_000;

/** The TTL before a switch, and how long resolvers keep answers with the declared one. */
export interface Lowering {
  readonly lowTtlSeconds: number;
  /** How long resolvers keep an answer beyond the declared TTL, ms of life time. */
  readonly beyond: () => Promise<Measured>;
  readonly timeScale: TimeScale;
}

/**
 * Gives the record a low TTL, and waits until the resolvers can have dropped the old one: the old
 * TTL, plus the time that resolvers keep answers beyond it. The flip writes the declared TTL again,
 * in the same change; a run that is undone before that writes it back (A4: both are
 * compare-and-set).
 */
export function lowerTtl(
  options: {
    dns: DnsProvider;
    /** The declared TTL, which the flip writes again. */
    ttlSeconds: number;
  } & Lowering,
): Step<'lower-ttl'> {
  const { dns, ttlSeconds, lowTtlSeconds, timeScale } = options;
  let seenLowMs: number | null = null;
  let beyond: Measured | null = null;
  const formerTtl = (before: Evidence | null) => {
    const former = before?.['ttlSeconds'];
    return typeof former === 'number' && former > lowTtlSeconds ? former : ttlSeconds;
  };
  return {
    name: 'lower-ttl',
    title: `Lower the TTL to ${lowTtlSeconds} s and wait until resolvers have let go of the old one`,
    waits: 'scaled',
    timeoutMs: changeTimeoutMs + timeScale.real(ttlSeconds * 1_000 + longestBeyondMs),
    pollMs,
    keepsAcrossReplan: true,
    undo: async ({ before }) => {
      const current = await dns.read();
      if (current.ttlSeconds !== lowTtlSeconds) return;
      await dns.replace(current, withTtl(current, formerTtl(before)));
    },
    observe: ({ clock, before, progress }) =>
      look(async () => {
        const current = await dns.read();
        if (current.ttlSeconds > lowTtlSeconds) {
          seenLowMs = null;
          return pending({ ttlSeconds: current.ttlSeconds });
        }
        const answered = await dns.readBack();
        if (!sameValues(answered, current.values)) return pending({ answered });
        // A controller that takes over waits again from the start: it does not know since when the
        // servers give the low TTL.
        seenLowMs ??= clock.monotonicMs();
        beyond ??= await options.beyond();
        const formerSeconds = formerTtl(before);
        const beyondMs = Math.min(beyond.ms ?? 0, longestBeyondMs);
        const waitMs = timeScale.real(formerSeconds * 1_000 + beyondMs);
        const waitedMs = clock.monotonicMs() - seenLowMs;
        progress(`${Math.max(0, Math.ceil((waitMs - waitedMs) / 1_000))} s left`);
        const evidence = { ttlSeconds: lowTtlSeconds, formerSeconds, waitedMs, waitMs };
        return waitedMs >= waitMs
          ? done({
              ...evidence,
              beyondMs: beyond.ms,
              atLeast: beyond.atLeast,
              resolvers: beyond.count,
            })
          : pending(evidence);
      }),
    act: async () => {
      const current = await dns.read();
      if (current.ttlSeconds <= lowTtlSeconds) return;
      await dns.replace(current, withTtl(current, lowTtlSeconds));
    },
  };
}

/** Returns the same answer of the same epoch, with the next generation. */
function withTtl(record: DnsRecord, ttlSeconds: number): DnsRecord {
  const { generation } = record;
  return { ...record, ttlSeconds, generation: { ...generation, number: generation.number + 1 } };
}

/**
 * Returns a note for people about a record whose TTL a run has lowered and not written back;
 * `null`: it is as declared.
 */
export function ttlNote(record: DnsRecord, declaredSeconds: number): string | null {
  return record.ttlSeconds === declaredSeconds
    ? null
    : `TTL ${record.ttlSeconds} s, declared ${declaredSeconds} s`;
}
