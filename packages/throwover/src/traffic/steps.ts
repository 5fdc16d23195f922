import type { Clock } from '../kernel/kernel.ts';
import { done, look, Patience, pending, refused } from '../runbook/observe.ts';
import type { Step } from '../runbook/step.ts';
import { type DnsProvider, type DnsRecord, sameValues } from './dns.ts';
import type { Door } from './door.ts';
import { trafficErrors } from './errors.ts';

/** Longest time for a command to a door, ms; a door answers in a few. */
const doorTimeoutMs = 20_000;

/** A door of a region that has died must not keep the traffic from moving: the run goes on without it after this long, ms. */
const unseenPatienceMs = 6_000;

/** Longest time for a DNS change to be readable, ms: Route 53 says "generally within 60 seconds". */
const dnsTimeoutMs = 120_000;

/** Time between two reads of an authoritative server, ms. */
const dnsPollMs = 100;

/**
 * New requests wait at the old region's door instead of failing while the writer moves, and those that
 * it had let in have ended, or had `drainMs` for it: a fence would cut them off in the middle.
 * The hold ends by itself, so a controller that dies here closes nothing.
 */
export function holdDoor(options: {
  from: Door;
  holdMs: number;
  drainMs: number;
}): Step<'hold-door'> {
  let heldSinceMs: number | null = null;
  return {
    name: 'hold-door',
    title: `Hold new requests at ${options.from.region}'s door, at most ${options.holdMs} ms`,
    waits: 'machine',
    timeoutMs: doorTimeoutMs,
    pollMs: 5,
    undo: async ({ run }) => {
      await options.from.set({ mode: 'serve', epoch: run.epoch }, run.token);
    },
    observe: ({ clock }) =>
      look(async () => {
        const { current, inFlight } = await options.from.status();
        const { mode } = current;
        const evidence = { mode, inFlight };
        if (mode !== 'hold' && mode !== 'forward') return pending(evidence);
        // A hold that another controller began counts from when it was first seen.
        heldSinceMs ??= clock.monotonicMs();
        const drained = inFlight === 0 || clock.monotonicMs() - heldSinceMs >= options.drainMs;
        return drained ? done(evidence) : pending(evidence);
      }),
    act: async ({ run, clock }) => {
      await options.from.set({ mode: 'hold', epoch: run.epoch, maxMs: options.holdMs }, run.token);
      heldSinceMs = clock.monotonicMs();
    },
  };
}

/**
 * The active region's door serves, and the other region's door forwards stragglers to it.
 * `opens`: the run opens the epoch in which that holds; else it holds in the epoch that is open.
 */
export function forwardStragglers(options: {
  from: Door;
  to: Door;
  forwardUrl: string;
  opens: boolean;
  /** How long the old door may be silent before the run goes on without it, ms. */
  patienceMs?: number;
}): Step<'forward'> {
  const patience = new Patience(options.patienceMs ?? unseenPatienceMs);
  const epochIn = ({ epoch }: { epoch: number }) => (options.opens ? epoch + 1 : epoch);
  return {
    name: 'forward',
    title: `Forward what still reaches ${options.from.region}'s door to ${options.to.region}`,
    waits: 'machine',
    timeoutMs: doorTimeoutMs,
    pollMs: 5,
    undo: { none: 'comes after the point of no return' },
    observe: async ({ run, clock }) => {
      const next = epochIn(run);
      const serves = await look(async () => {
        const { current } = await options.to.status();
        const evidence = { [options.to.region]: current.mode };
        return current.mode === 'serve' && current.epoch >= next
          ? done(evidence)
          : pending(evidence);
      });
      if (serves.state !== 'done') return serves;
      return patience.look(clock, async () => {
        const { current } = await options.from.status();
        const evidence = { ...serves.evidence, [options.from.region]: current.mode };
        const forwards = current.mode === 'forward' && current.epoch >= next;
        return forwards ? done(evidence) : pending(evidence);
      });
    },
    act: async ({ run }) => {
      const epoch = epochIn(run);
      // The new door first: were the old one to forward to a door that forwards back, both would refuse.
      await options.to.set({ mode: 'serve', epoch }, run.token);
      await options.from.set(
        { mode: 'forward', epoch, region: options.to.region, url: options.forwardUrl },
        run.token,
      );
    },
  };
}

/** The authoritative servers answer with the new region (A4): one compare-and-set, read back before it is believed. */
export function flip(options: {
  dns: DnsProvider;
  to: string;
  record: Pick<DnsRecord, 'name' | 'type' | 'ttlSeconds' | 'values'>;
  clock: Clock;
}): Step<'flip'> {
  return {
    name: 'flip',
    title: `Point ${options.record.name} at ${options.to}`,
    waits: 'machine',
    timeoutMs: dnsTimeoutMs,
    pollMs: dnsPollMs,
    undo: { none: 'a switch of DNS back is a run of its own' },
    observe: ({ run }) =>
      look(async () => {
        const current = await options.dns.read();
        const { generation } = current;
        const next = run.epoch + 1;
        if (generation.epoch > next) {
          return refused(
            trafficErrors.make(
              'dns-lost-race',
              `${current.name} was already written for epoch ${generation.epoch}`,
              { generation },
            ),
          );
        }
        if (generation.epoch < next || !sameValues(current.values, options.record.values)) {
          return pending({ generation: generation.number, values: current.values });
        }
        const answered = await options.dns.readBack();
        return sameValues(answered, options.record.values)
          ? done({
              generation: generation.number,
              values: answered,
              atWallMs: options.clock.wallMs(),
            })
          : pending({ generation: generation.number, answered });
      }),
    act: async ({ run }) => {
      const current = await options.dns.read();
      await options.dns.replace(current, {
        ...options.record,
        generation: {
          number: current.generation.number + 1,
          epoch: run.epoch + 1,
          region: options.to,
        },
      });
    },
  };
}
