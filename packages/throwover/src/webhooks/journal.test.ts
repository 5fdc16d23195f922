import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { temporaryDirectory } from './gateway.fixture.ts';
import { EventJournal } from './journal.ts';

const HOUR = 3_600_000;
const event = (id: string, size = 100) => ({
  source: 'stripe',
  id,
  contentType: null,
  signature: null,
  body: Buffer.alloc(size, 'x'),
  receivedMs: 1_000,
});

describe('the journal', () => {
  let directory: ReturnType<typeof temporaryDirectory>;
  let journal: EventJournal;

  beforeEach(() => {
    directory = temporaryDirectory();
    journal = new EventJournal(directory.path, { maxBytes: 2 ** 30 });
  });
  afterEach(() => {
    journal.close();
    directory.remove();
  });

  const reopen = (maxBytes = 2 ** 30) => {
    journal.close();
    journal = new EventJournal(directory.path, { maxBytes });
  };

  it('keeps what it has answered, in arrival order, over a restart', async () => {
    await Promise.all(Array.from({ length: 50 }, (_, i) => journal.append(event(`evt_${i}`))));
    reopen();
    expect(journal.totals).toEqual({ accepted: 50, delivered: 0, dead: 0, backlog: 50 });
    expect(journal.pending('stripe', 0, 100).map(({ id }) => id)).toEqual(
      Array.from({ length: 50 }, (_, i) => `evt_${i}`),
    );
  });

  it('stores an id of a source once, within one commit and over many', async () => {
    const answers = await Promise.all([1, 2, 3].map(() => journal.append(event('evt_same'))));
    answers.push(await journal.append(event('evt_same')));
    answers.push(await journal.append({ ...event('evt_same'), source: 'other' }));
    expect(answers).toEqual(['stored', 'duplicate', 'duplicate', 'duplicate', 'stored']);
  });

  it('forgets delivered events after their retention, and nothing else', async () => {
    for (const id of ['early', 'late', 'dead', 'waiting']) await journal.append(event(id));
    const delivered = (atMs: number) =>
      ({ state: 'delivered', region: 'east', epoch: 1, position: null, atMs }) as const;
    await journal.settle(1, delivered(HOUR));
    await journal.settle(2, delivered(3 * HOUR));
    await journal.settle(3, { state: 'dead', reason: 'refused', atMs: HOUR });
    expect(await journal.prune(2 * HOUR)).toBe(1);
    expect(journal.events({ after: 0, limit: 10 }).map(({ id }) => id)).toEqual([
      'late',
      'dead',
      'waiting',
    ]);
    const totals = { ...journal.totals };
    expect(totals).toEqual({ accepted: 3, delivered: 1, dead: 1, backlog: 1 });
    reopen();
    expect(journal.totals).toEqual(totals);
    expect(await journal.append(event('early'))).toBe('stored');
    expect(await journal.append(event('late'))).toBe('duplicate');
  });

  it('prunes more than one batch', async () => {
    await Promise.all(Array.from({ length: 1_100 }, (_, i) => journal.append(event(`evt_${i}`))));
    await Promise.all(
      Array.from({ length: 1_100 }, (_, i) =>
        journal.settle(i + 1, {
          state: 'delivered',
          region: 'east',
          epoch: 1,
          position: null,
          atMs: 5,
        }),
      ),
    );
    expect(await journal.prune(6)).toBe(1_100);
    expect(journal.totals.accepted).toBe(0);
  });

  it('stops for good at the first failed write, and has all that it answered (SQLITE_FULL)', async () => {
    reopen(128 * 1024);
    const kept: string[] = [];
    let failure: unknown;
    for (let i = 0; failure === undefined; i++) {
      await journal.append(event(`evt_${i}`, 4_000)).then(
        () => kept.push(`evt_${i}`),
        (error: unknown) => {
          failure = error;
        },
      );
    }
    expect(failure).toMatchObject({ code: 'gateway-journal-stopped', disposition: 'page' });
    expect(String(failure)).toContain('full');
    expect(kept.length).toBeGreaterThan(3);
    // A small event would fit, but it is not tried.
    await expect(journal.append(event('tiny', 1))).rejects.toMatchObject({
      code: 'gateway-journal-stopped',
    });
    await expect(
      journal.settle(1, { state: 'pending', counted: false, reason: '' }),
    ).rejects.toMatchObject({ code: 'gateway-journal-stopped' });
    expect(journal.totals.accepted).toBe(kept.length);
    reopen();
    expect(journal.pending('stripe', 0, 1_000).map(({ id }) => id)).toEqual(kept);
    expect(await journal.append(event('tiny', 1))).toBe('stored');
  });

  it('lets a whole batch fail together: none of it is answered as stored', async () => {
    reopen(128 * 1024);
    const answers = await Promise.allSettled(
      Array.from({ length: 60 }, (_, i) => journal.append(event(`evt_${i}`, 4_000))),
    );
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set(['rejected']));
    expect(journal.totals.accepted).toBe(0);
    reopen();
    expect(journal.totals.accepted).toBe(0);
  });

  it('is refused to a second gateway on the same directory', () => {
    expect(() => new EventJournal(directory.path, { maxBytes: 2 ** 30 })).toThrow(
      expect.objectContaining({ code: 'gateway-journal-in-use' }),
    );
  });

  it('says busy before its queue grows without bound', async () => {
    const answers = await Promise.allSettled(
      Array.from({ length: 4_200 }, (_, i) => journal.append(event(`evt_${i}`, 10))),
    );
    const busy = answers.filter(
      (answer) => answer.status === 'rejected' && answer.reason.code === 'gateway-busy',
    );
    expect(busy.length).toBe(4_200 - 4_096);
    expect(journal.totals.accepted).toBe(4_096);
  });

  it('remembers its mode', async () => {
    expect(journal.savedMode()).toBeNull();
    const saved = {
      mode: { mode: 'deliver', epoch: 3, region: 'west', url: 'http://127.0.0.1:1' },
      token: 7,
    } as const;
    await journal.saveMode({ mode: { mode: 'hold', epoch: 2 }, token: 7 });
    await journal.saveMode(saved);
    reopen();
    expect(journal.savedMode()).toEqual(saved);
  });
});
