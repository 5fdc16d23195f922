import type { Clock } from '../kernel/kernel.ts';
import { done, look, Patience, pending, refused, type Step } from '../runbook/runbook.ts';
import { type DnsProvider, type DnsRecord, sameValues } from './dns.ts';
import type { Door } from './door.ts';
import { trafficErrors } from './errors.ts';
import type { HeldDoor } from './held-door.ts';

/** Longest time for a command to a door, ms; a door answers in a few. */
const doorTimeoutMs = 20_000;

/**
 * Time after which the run goes on without a door that does not answer, ms, so that a region that
 * has died does not keep the traffic from moving.
 */
const unseenPatienceMs = 6_000;

/** Longest time for a DNS change to be readable, ms: Route 53 says "generally within 60 seconds". */
const dnsTimeoutMs = 120_000;

/** Pause between two reads of an authoritative server, ms. */
const dnsPollMs = 100;

/**
 * Makes new requests wait at the old region's door, instead of failing, while the writer moves.
 * Done when the requests that it had let in have ended, or have had `drainMs` for it, because a
 * fence would cut them off in the middle. The hold ends by itself `holdMs` after the last renewal
 * (held-door.ts), so a controller that dies does not keep the door closed.
 */
export function holdDoor(options: {
  from: Door;
  held: HeldDoor;
  holdMs: number;
  drainMs: number;
}): Step<'hold-door'> {
  const { held } = options;
  return held.during({
    name: 'hold-door',
    title: `Hold new requests at ${options.from.region}'s door; the hold ends ${options.holdMs} ms after this run stops renewing it`,
    waits: 'machine',
    timeoutMs: doorTimeoutMs,
    pollMs: 5,
    undo: (context) => held.end(context),
    observe: ({ clock }) =>
      look(async () => {
        const { current, inFlight } = await options.from.status();
        const { mode } = current;
        const evidence = { mode, inFlight };
        if (mode !== 'hold' && mode !== 'forward') return pending(evidence);
        const drained = inFlight === 0 || held.heldForMs(clock) >= options.drainMs;
        return drained ? done(evidence) : pending(evidence);
      }),
    act: (context) => held.hold(context),
  });
}

/**
 * Makes the active region's door serve, and the other region's door forward stragglers to it.
 * `opens`: the run opens the epoch in which this holds; otherwise it holds in the present epoch.
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
      // Set the new door first: if the old door forwarded to a door that forwards back, both would
      // refuse.
      await options.to.set({ mode: 'serve', epoch }, run.token);
      await options.from.set(
        { mode: 'forward', epoch, region: options.to.region, url: options.forwardUrl },
        run.token,
      );
    },
  };
}

/**
 * Makes the authoritative servers answer with the new region (A4): one compare-and-set, which is
 * read back before the step is done.
 */
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
