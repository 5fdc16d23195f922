import { expect } from 'vitest';
import { type Cannot, contract, type Subject } from '../kernel/contract.fixture.ts';
import type { DoorCounts } from './door.ts';

/** The counts of a door of the region `east` that serves in epoch 1 and has had no request. */
export interface CountsUnderTest extends Subject {
  readonly counts: DoorCounts;
  /** Sends a request to the door, and resolves when the door has counted it. */
  request(): Promise<void>;
  /** Sends a beacon with this nonce to the door. */
  beacon(nonce: string): Promise<void>;
  /** The door's own wall clock. */
  wallMs(): number;
  /** Makes it unreachable. */
  lose(): Promise<void>;
}

const aMinuteMs = 60_000;

const lastMinute = ({ wallMs }: CountsUnderTest) => ({
  sinceWallMs: wallMs() - aMinuteMs,
  untilWallMs: wallMs() + aMinuteMs,
  widthMs: aMinuteMs,
});

const checks = {
  'the present epoch has a report, and a later one has none': async ({
    counts,
  }: CountsUnderTest) => {
    expect(counts.region).toBe('east');
    expect(await counts.stragglers(0)).toMatchObject([{ epoch: 1, role: 'serve' }]);
    expect(await counts.stragglers(1)).toHaveLength(1);
    expect(await counts.stragglers(2)).toEqual([]);
  },

  'a request counts in the epoch in which it was served': async (subject: CountsUnderTest) => {
    await subject.request();
    const [epoch] = await subject.counts.stragglers(1);
    expect(epoch?.direct.reduce((sum, [, count]) => sum + count, 0)).toBe(1);
  },

  'connections: without a request there is no share of old ones': async ({
    counts,
  }: CountsUnderTest) => {
    const none = { open: 0, agesMs: [], requests: 0, requestsOnOldShare: null };
    expect(await counts.connections(1_000)).toMatchObject(none);
  },

  'a connection that is younger than asked is not old': async (subject: CountsUnderTest) => {
    await subject.request();
    const seen = await subject.counts.connections(aMinuteMs);
    expect(seen).toMatchObject({ requests: 1, requestsOnOldShare: 0 });
  },

  'a beacon is listed from its time on, once': async (subject: CountsUnderTest) => {
    const beforeMs = subject.wallMs();
    expect(await subject.counts.beacons(0)).toEqual([]);
    await subject.beacon('nonce-1');
    await subject.beacon('nonce-1');
    const seen = await subject.counts.beacons(beforeMs);
    expect(seen).toMatchObject([{ nonce: 'nonce-1', network: expect.any(String) }]);
    expect(await subject.counts.beacons(subject.wallMs() + aMinuteMs)).toEqual([]);
  },

  'latency comes in pieces over the whole span, and nothing was measured without a request': async (
    subject: CountsUnderTest,
  ) => {
    const span = lastMinute(subject);
    const pieces = await subject.counts.latency(span);
    expect(pieces.map(({ fromWallMs }) => fromWallMs)).toEqual([
      span.sinceWallMs,
      span.sinceWallMs + aMinuteMs,
    ]);
    const nothing = { requests: 0, failed: 0, meanMs: null, p50Ms: null, p99Ms: null };
    for (const piece of pieces) expect(piece).toMatchObject(nothing);
  },

  'latency counts each request of the region’s own application': async (
    subject: CountsUnderTest,
  ) => {
    await subject.request();
    const pieces = await subject.counts.latency(lastMinute(subject));
    expect(pieces.reduce((sum, { requests }) => sum + requests, 0)).toBe(1);
    expect(pieces.reduce((sum, { failed }) => sum + failed, 0)).toBe(0);
  },

  'a door that is gone is unreachable, for every count': async (subject: CountsUnderTest) => {
    await subject.lose();
    const { counts } = subject;
    const away = { code: 'door-unreachable', disposition: 'retry' };
    for (const asked of [
      counts.stragglers(0),
      counts.connections(0),
      counts.beacons(0),
      counts.latency(lastMinute(subject)),
    ]) {
      await expect(asked).rejects.toMatchObject(away);
    }
  },
};

/** The contract of a door's counts as tests; each implementation's test runs them. */
export function doorCountsConformance(
  name: string,
  open: () => Promise<CountsUnderTest>,
  cannot: Cannot<typeof checks> = {},
): void {
  contract({ title: `${name} keep the contract of a door's counts`, open, checks, cannot });
}
