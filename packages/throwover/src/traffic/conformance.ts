import { expect, vi } from 'vitest';
import { type Cannot, contract, type Subject } from '../kernel/contract.fixture.ts';
import type { AdoptableDns, DnsRecord } from './dns.ts';

/**
 * A provider with a server that runs for one test. Its record answers with `east` and has no
 * generation yet.
 */
export interface DnsUnderTest {
  /** Returns a new client each time, as another controller has it. */
  readonly open: () => AdoptableDns;
  readonly east: readonly string[];
  readonly west: readonly string[];
  /** Changes the record without the provider, and leaves the generation as it is. */
  readonly tamper: () => Promise<void>;
  /** Returns the answers of the authoritative servers, asked without the provider. */
  readonly ask: () => Promise<readonly string[]>;
  /** Stops the server. */
  readonly stop: () => Promise<void>;
}

/**
 * Number of controllers that flip at the same time, and of flips in a row while the answers are
 * watched.
 */
const racers = 12;
const flipsWatched = 40;

type Tested = DnsUnderTest & Subject;

const first = { epoch: 1, region: 'east' };

const after = (
  subject: DnsUnderTest,
  old: DnsRecord,
  region: 'east' | 'west',
  steps = 1,
): DnsRecord => ({
  ...old,
  values: subject[region],
  generation: { number: old.generation.number + 1, epoch: old.generation.epoch + steps, region },
});

const checks = {
  'a record is foreign until it is adopted, and adopting again changes nothing': async (
    subject: Tested,
  ) => {
    const dns = subject.open();
    await expect(dns.read()).rejects.toMatchObject({ code: 'dns-record-foreign' });
    const adopted = await dns.adopt(first);
    expect(adopted).toMatchObject({
      values: subject.east,
      generation: { number: 1, epoch: 1, region: 'east' },
    });
    expect(await subject.open().adopt({ epoch: 9, region: 'west' })).toEqual(adopted);
    expect(await subject.open().read()).toEqual(adopted);
  },

  'of those who adopt at once, all end with the same generation': async (subject: Tested) => {
    const adopting = await Promise.allSettled(
      Array.from({ length: 4 }, (_, index) => subject.open().adopt({ ...first, epoch: index + 1 })),
    );
    const { generation } = await subject.open().read();
    for (const outcome of adopting) {
      if (outcome.status === 'fulfilled') expect(outcome.value.generation).toEqual(generation);
      else expect(outcome.reason).toMatchObject({ code: 'dns-lost-race' });
    }
  },

  'a flip is read and read back, with its generation; the same flip again is done': async (
    subject: Tested,
  ) => {
    const dns = subject.open();
    const old = await dns.adopt(first);
    expect(await dns.readBack()).toEqual(subject.east);
    const wanted = after(subject, old, 'west');
    await dns.replace(old, wanted);
    expect(await subject.open().read()).toEqual(wanted);
    expect(await dns.readBack()).toEqual(subject.west);
    await dns.replace(old, wanted);
    expect(await dns.read()).toEqual(wanted);
  },

  'another TTL is written the same way': async (subject: Tested) => {
    const dns = subject.open();
    const old = await dns.adopt(first);
    const lower = { ...after(subject, old, 'east', 0), ttlSeconds: 5 };
    await dns.replace(old, lower);
    expect(await dns.read()).toEqual(lower);
    expect(await dns.readBack()).toEqual(subject.east);
  },

  'of racing flips exactly one wins, and the others changed nothing (A4)': async (
    subject: Tested,
  ) => {
    const old = await subject.open().adopt(first);
    const wanted = Array.from({ length: racers }, (_, index) =>
      after(subject, old, 'west', index + 1),
    );
    const outcomes = await Promise.allSettled(
      wanted.map((record) => subject.open().replace(old, record)),
    );
    const winners = wanted.filter((_, index) => outcomes[index]?.status === 'fulfilled');
    const lost = outcomes.filter((outcome) => outcome.status === 'rejected');
    expect(lost.map(({ reason }) => reason.code)).toEqual(Array(racers - 1).fill('dns-lost-race'));
    expect(winners).toEqual([await subject.open().read()]);
  },

  'a record changed by hand, with the generation left alone, is not overwritten (A4)': async (
    subject: Tested,
  ) => {
    const dns = subject.open();
    const old = await dns.adopt(first);
    await subject.tamper();
    await expect(dns.replace(old, after(subject, old, 'west'))).rejects.toMatchObject({
      code: 'dns-lost-race',
    });
    const now = await dns.read().catch((error: { code: string }) => error.code);
    expect(now).not.toMatchObject({ values: subject.west });
  },

  'an empty answer is refused before anything is sent (A4)': async (subject: Tested) => {
    const dns = subject.open();
    const old = await dns.adopt(first);
    await subject.stop();
    await expect(
      dns.replace(old, { ...after(subject, old, 'west'), values: [] }),
    ).rejects.toMatchObject({
      code: 'dns-empty-answer',
    });
  },

  'the answer is never empty nor a mixture, flip after flip (A4)': async (subject: Tested) => {
    const { ask } = subject;
    const dns = subject.open();
    let record = await dns.adopt(first);
    let flipping = true;
    let looks = 0;
    const seen = new Map<string, number>();
    const watching = (async () => {
      while (flipping) {
        const answer = [...(await ask())].sort().join();
        seen.set(answer, (seen.get(answer) ?? 0) + 1);
        looks += 1;
      }
    })();
    for (let flip = 0; flip < flipsWatched; flip += 1) {
      const wanted = after(subject, record, flip % 2 === 0 ? 'west' : 'east');
      await dns.replace(record, wanted);
      record = wanted;
      // At least one look between two flips, however fast the server is.
      const until = looks + 2;
      await vi.waitUntil(() => looks >= until, { timeout: 10_000, interval: 1 });
    }
    flipping = false;
    await watching;
    const whole = [[...subject.east].sort().join(), [...subject.west].sort().join()];
    expect([...seen.keys()].filter((answer) => !whole.includes(answer))).toEqual([]);
    expect(seen.size).toBe(2);
  },

  'a server that is gone is unreachable, and nothing is said to be done': async (
    subject: Tested,
  ) => {
    const dns = subject.open();
    const old = await dns.adopt(first);
    await subject.stop();
    const gone = { code: 'dns-unreachable', disposition: 'retry' };
    await expect(dns.read()).rejects.toMatchObject(gone);
    await expect(dns.replace(old, after(subject, old, 'west'))).rejects.toMatchObject(gone);
    await expect(dns.readBack()).rejects.toMatchObject(gone);
  },
};

/** The contract of a DNS provider (A4) as tests; each adapter's test runs them. */
export function dnsConformance(
  provider: string,
  start: () => Promise<DnsUnderTest>,
  cannot: Cannot<typeof checks> = {},
): void {
  const open = async () => {
    const subject = await start();
    return { ...subject, end: subject.stop };
  };
  contract({ title: `${provider} keeps the contract of a DNS provider`, open, checks, cannot });
}
