import { connect as connectSocket, createServer, type Server, type Socket } from 'node:net';
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type Name, type Pair, testPair } from '../../../lab/src/postgres/fixtures/pair.ts';
import * as servers from '../../../lab/src/postgres/fixtures/servers.ts';
import { HoldFull, NoWriter, OutcomeUnknown } from '../errors.ts';
import { transactionId, waitFor } from '../read-your-writes/read-your-writes.ts';
import { firstWritable } from './first-writable.ts';
import { createWriter, type Writer, type WriterEvent, type WriterOptions } from './writer.ts';

const { until } = servers;

let pair: Pair;
let links: Record<Name, Link>;
let cleanups: (() => unknown)[] = [];
let events: WriterEvent[] = [];
/** Results of the action that was done while a COMMIT was held up. */
let failures: unknown[] = [];
/** Whether a test has left the servers in a state that the next one cannot use. */
let changed = true;

beforeAll(async () => {
  pair = await testPair();
});
beforeEach(async () => {
  if (changed) await servers.startPair(pair);
  else await pair.ask('east', 'TRUNCATE orders, payments');
  changed = false;
  links = { east: await link(pair.address.east), west: await link(pair.address.west) };
  [events, failures] = [[], []];
  return async () => {
    expect(failures).toEqual([]);
    for (const cleanup of cleanups.reverse()) await cleanup();
    cleanups = [];
    for (const one of Object.values(links)) await one.close();
  };
});
afterAll(() => pair.remove());

const kill = (name: Name) => {
  changed = true;
  return servers.kill(pair, name);
};
const cutOff = () => {
  changed = true;
  return servers.cutOff(pair);
};
const promoteWest = () => {
  changed = true;
  return servers.promoteWest(pair);
};

/** A TCP link in front of a server, that a test can cut at the moment of COMMIT. */
interface Link {
  readonly port: number;
  /**
   * `before`: the next COMMIT is not passed on. `after`: it is passed on, its answer is not.
   * `silent`: nothing is passed on, and nobody is told.
   */
  cutAtCommit(when: 'before' | 'after' | 'silent', onCut?: () => Promise<void>): void;
  close(): Promise<void>;
}

async function link(to: { host: string; port: number }): Promise<Link> {
  let plan: { when: 'before' | 'after' | 'silent'; onCut: () => Promise<void> } | null = null;
  const sockets = new Set<Socket>();
  const server: Server = createServer((near) => {
    const far = connectSocket(to);
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => sockets.delete(socket));
    }
    let answersStop = false;
    near.on('data', (data) => {
      if (plan === null || !data.includes('COMMIT')) {
        far.write(data);
        return;
      }
      const { when, onCut } = plan;
      plan = null;
      answersStop = true;
      if (when === 'silent') return;
      const cut = () => {
        const gone = onCut().catch((error) => failures.push(error));
        gone.then(() => [far, near].map((socket) => socket.destroy()));
      };
      if (when === 'before') return cut();
      far.once('data', cut);
      far.write(data);
    });
    far.on('data', (data) => {
      if (!answersStop) near.write(data);
    });
    near.on('close', () => !answersStop && far.destroy());
    far.on('close', () => near.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('no port');
  return {
    port: address.port,
    cutAtCommit: (when, onCut = async () => {}) => {
      plan = { when, onCut };
    },
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function writerOver(more: Partial<WriterOptions<pg.Client>> = {}): Writer<pg.Client> {
  const writer = createWriter<pg.Client>({
    open: firstWritable({
      targets: ['east', 'west'] as const,
      connect: async (name: Name) => {
        const client = new pg.Client({
          host: '127.0.0.1',
          port: links[name].port,
          user: 'checkout',
          database: 'checkout',
          connectionTimeoutMillis: 2_000,
        });
        client.on('error', () => {});
        await client.connect();
        return client;
      },
    }),
    holdMs: 60_000,
    resolveMs: 60_000,
    // The link says when a COMMIT is interrupted, not the time.
    commitMs: 60_000,
    onEvent: (event) => events.push(event),
    ...more,
  });
  cleanups.push(() => writer.close());
  return writer;
}

const insert = (key: string) => (client: pg.Client) =>
  client.query(
    `INSERT INTO orders (idempotency_key, amount, currency, status, region)
     VALUES ($1, 1, 'eur', 'accepted', 'x')`,
    [key],
  );
const keysIn = async (name: Name) =>
  (
    await pair.ask<{ key: string }>(name, 'SELECT idempotency_key AS key FROM orders ORDER BY id')
  ).map(({ key }) => key);
const resolutions = () =>
  events.flatMap((event) => (event.type === 'resolved' ? [event.outcome] : []));
const received = () =>
  until('west has all of east', async () => {
    const [row] = await pair.ask<{ all: boolean }>(
      'east',
      'SELECT replay_lsn >= pg_current_wal_flush_lsn() AS all FROM pg_stat_replication',
    );
    return row?.all === true;
  });

test('W2: a COMMIT that never arrived is found out, and the transaction is run again: once in the table', async () => {
  const writer = writerOver();
  await writer.transaction(insert('a'));
  links.east.cutAtCommit('before');
  const { attempts, token } = await writer.transaction(insert('b'));
  expect([attempts, resolutions()]).toEqual([2, ['not-committed']]);
  expect(await keysIn('east')).toEqual(['a', 'b']);
  const west = await pair.connect('west');
  cleanups.push(() => west.end());
  if (token === null) throw new Error('no token');
  expect((await waitFor(west, token, { deadlineMs: 30_000 })).outcome).toBe('satisfied');
});

test('W2: a COMMIT whose answer was lost is found out, and not run again', async () => {
  const writer = writerOver();
  links.east.cutAtCommit('after');
  const { attempts, token } = await writer.transaction(insert('a'));
  expect([attempts, resolutions()]).toEqual([1, ['committed']]);
  expect(await keysIn('east')).toEqual(['a']);
  expect(token?.xid).toMatch(/^\d+$/);
});

test('a server that does not notice the cut holds the transaction open: its session is ended', async () => {
  const writer = writerOver({ commitMs: 300 });
  links.east.cutAtCommit('silent');
  const { attempts } = await writer.transaction(insert('a'));
  expect([attempts, resolutions()]).toEqual([2, ['not-committed']]);
  expect(await keysIn('east')).toEqual(['a']);
});

test.each([
  ['not arrived', 'before', ['not-committed'], 2, 2n],
  ['arrived, and came over', 'after', ['committed'], 1, 1n],
] as const)(
  'a COMMIT interrupted by a failover is decided on the new primary: %s',
  async (_, when, outcome, calls, inEpoch) => {
    const writer = writerOver();
    await writer.transaction(insert('a'));
    const failover = async () => {
      await received();
      await kill('east');
      await (await promoteWest()).record();
    };
    links.east.cutAtCommit(when, failover);
    const { attempts, epoch } = await writer.transaction(insert('b'));
    expect([attempts, epoch, resolutions()]).toEqual([calls, inEpoch, outcome]);
    expect(writer.epoch).toBe(2n);
    expect(await keysIn('west')).toEqual(['a', 'b']);
  },
);

test('a COMMIT that arrived and was lost with its region is run again, though its id is another transaction’s now', async () => {
  const writer = writerOver();
  await writer.transaction(insert('a'));
  await received();
  await cutOff();
  links.east.cutAtCommit('after', async () => {
    await kill('east');
    const promotion = await promoteWest();
    await promotion.record();
    for (let n = 0; n < 5; n++) await pair.ask('west', 'SELECT pg_current_xact_id()');
  });
  const { attempts } = await writer.transaction(insert('b'));
  expect([attempts, resolutions()]).toEqual([2, ['not-committed']]);
  expect(await keysIn('west')).toEqual(['a', 'b']);
});

test.each([
  ['before', ['not-committed'], 2],
  ['after', ['committed'], 1],
] as const)(
  'a COMMIT interrupted by a crash of the server, %s it took effect, is decided after its recovery',
  async (when, outcome, calls) => {
    const writer = writerOver();
    links.east.cutAtCommit(when, async () => {
      await kill('east');
      await servers.startSide(pair, 'east');
      // New ids are given out from where recovery ended.
      for (let n = 0; n < 5; n++) await pair.ask('east', 'SELECT pg_current_xact_id()');
    });
    const { attempts } = await writer.transaction(insert('a'));
    expect([attempts, resolutions()]).toEqual([calls, outcome]);
    expect(await keysIn('east')).toEqual(['a']);
  },
);

test('W3: without a writer that can say, the outcome is unknown; its token says it later', async () => {
  const writer = writerOver({ resolveMs: 300 });
  links.east.cutAtCommit('after', () => kill('east'));
  const failed = await writer.transaction(insert('a')).catch((error: unknown) => error);
  if (!(failed instanceof OutcomeUnknown)) throw failed;
  expect([failed.code, resolutions()]).toEqual(['outcome-unknown', ['unknown']]);
  await servers.startSide(pair, 'east');
  const east = await pair.connect('east');
  cleanups.push(() => east.end());
  expect((await waitFor(east, failed.token)).outcome).toBe('satisfied');
});

test('a fence ends open transactions; they and new ones are held until the new epoch, and no write is lost or doubled', async () => {
  const writer = writerOver({ size: 4 });
  const acknowledged: string[] = [];
  let stop = false;
  const clients = Array.from({ length: 6 }, async (_, client) => {
    for (let n = 0; !stop; n++) {
      const key = `${client}-${n}`;
      await writer.transaction(insert(key));
      acknowledged.push(key);
    }
  });
  await until('there is load', async () => acknowledged.length > 50);
  await pair.ask('east', 'ALTER ROLE checkout NOLOGIN');
  await pair.ask(
    'east',
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'checkout'`,
  );
  await received();
  const promotion = await promoteWest();
  await pair.ask('west', 'ALTER ROLE checkout LOGIN');
  await promotion.record();
  const before = acknowledged.length;
  await until('there is load again', async () => acknowledged.length > before + 50);
  stop = true;
  await Promise.all(clients);
  expect((await keysIn('west')).sort()).toEqual(acknowledged.sort());
  expect(writer.epoch).toBe(2n);
  expect(events.some(({ type }) => type === 'away')).toBe(true);
});

test('W1: a promotion that is told of ends what is open on the old side, and nothing commits there', async () => {
  // A discard that takes its time: the old connection keeps working.
  const writer = writerOver({
    discard: (client) => {
      cleanups.push(() => client.end().catch(() => {}));
    },
  });
  let calls = 0;
  const { epoch } = await writer.transaction(async (client) => {
    if (++calls === 1) {
      await received();
      await (await promoteWest()).record();
      writer.noticeEpoch(2n);
    }
    await insert(`call-${calls}`)(client);
  });
  expect(epoch).toBe(2n);
  expect(await keysIn('east')).toEqual([]);
  expect(await keysIn('west')).toEqual(['call-2']);
});

test('a primary that was promoted and has no row yet is not written to', async () => {
  const writer = writerOver({ holdMs: 300 });
  await writer.transaction(insert('a'));
  await received();
  await kill('east');
  const promotion = await promoteWest();
  await expect(writer.transaction(insert('b'))).rejects.toThrow(NoWriter);
  await promotion.record();
  await writer.transaction(insert('c'));
  expect(await keysIn('west')).toEqual(['a', 'c']);
});

test('errors of the application and of its SQL roll back, are passed on, and cost no connection', async () => {
  const writer = writerOver({ size: 1 });
  let calls = 0;
  const failing = writer.transaction(async (client) => {
    calls++;
    await insert('a')(client);
    throw Object.assign(new Error('the payment API is away'), { code: 'ECONNREFUSED' });
  });
  await expect(failing).rejects.toThrow('payment API');
  await writer.transaction(insert('b'));
  await expect(writer.transaction(insert('b'))).rejects.toMatchObject({ code: '23505' });
  const pids = await writer.transaction((client) => client.query('SELECT pg_backend_pid() AS pid'));
  expect(pids.token).toBeNull();
  expect(calls).toBe(1);
  expect(await keysIn('east')).toEqual(['b']);
});

test('a constraint that fails at COMMIT is a failure, and no outcome that is unknown', async () => {
  await pair.ask(
    'east',
    'ALTER TABLE payments ADD UNIQUE (order_key) DEFERRABLE INITIALLY DEFERRED',
  );
  const writer = writerOver();
  const pay = (id: string) => (client: pg.Client) =>
    client.query('INSERT INTO payments (event_id, order_key) VALUES ($1, $2)', [id, 'order']);
  await writer.transaction(pay('1'));
  await expect(writer.transaction(pay('2'))).rejects.toMatchObject({ code: '23505' });
  expect(resolutions()).toEqual([]);
});

test('the queue is bounded, and so is the time in it', async () => {
  await kill('east');
  const writer = writerOver({ holdMs: 300, queueLimit: 2 });
  const ended = await Promise.allSettled(
    ['a', 'b', 'c'].map((key) => writer.transaction(insert(key))),
  );
  const reasons = ended.map((one) => one.status === 'rejected' && one.reason);
  expect(reasons[0]).toBeInstanceOf(NoWriter);
  expect(reasons[1]).toBeInstanceOf(NoWriter);
  expect(reasons[2]).toBeInstanceOf(HoldFull);
});

test('the id is asked for inside the transaction: it is the row’s own', async () => {
  const writer = writerOver();
  const { result, token } = await writer.transaction(async (client) => {
    await insert('a')(client);
    return transactionId(client);
  });
  expect(token?.xid).toBe(result);
});
