import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../kernel/kernel.ts';
import { listenAt, urlOf } from '../../kernel/listen.ts';
import { createVirtualClock } from '../../kernel/virtual-clock.fixture.ts';
import { startServe } from '../../server/serve.ts';
import { storeConformance } from '../conformance.ts';
import { damagePlan } from '../sqlite/damage.fixture.ts';
import { openSqliteStore } from '../sqlite/sqlite-store.ts';
import { createRemoteStore } from './remote-store.ts';

storeConformance('the remote store, through throwover serve', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'throwover-remote-'));
  const clock = createVirtualClock();
  const start = (port: number) =>
    startServe({ openStore: openSqliteStore, host: '127.0.0.1', port, dataDir, clock });
  let server = await start(0);
  const store = createRemoteStore({ url: server.url, clock: systemClock });
  return {
    store,
    advance: clock.advance,
    restart: async () => {
      await server.close();
      server = await start(Number(new URL(server.url).port));
    },
    damage: async (runId) => {
      await server.close();
      damagePlan(dataDir, runId);
      server = await start(Number(new URL(server.url).port));
    },
    close: async () => {
      await store.close();
      await server.close();
      await rm(dataDir, { recursive: true });
    },
  };
});

describe('the remote store without an answer', () => {
  const closers: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const close of closers.splice(0).reverse()) await close();
  });

  /**
   * Speaks HTTP like `throwover serve`, but drops the connection of the first `drops` calls after
   * it has read them.
   */
  const dropping = async (
    drops: number,
    answer: unknown = null,
    patience: { repeatForMs?: number } = {},
  ) => {
    const seen: string[] = [];
    const server: Server = createServer(async (request, response) => {
      let body = '';
      for await (const chunk of request) body += chunk;
      seen.push(`${request.url} ${body}`);
      if (seen.length <= drops) request.socket.destroy();
      else response.setHeader('content-type', 'application/json').end(JSON.stringify(answer));
    });
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    const { port } = server.address() as AddressInfo;
    const store = createRemoteStore({
      url: `http://127.0.0.1:${port}`,
      clock: systemClock,
      ...patience,
    });
    closers.push(
      () => new Promise((resolve) => server.close(resolve)),
      () => store.close(),
    );
    return { store, seen, port };
  };

  test('an append is sent again, the same bytes', async () => {
    const { store, seen } = await dropping(3);
    const record = { type: 'taken-over', by: 'bob', seq: 1, token: 4, wallMs: 5 } as const;
    await store.append({ runId: 'run_1', token: 4, records: [record] });
    expect(seen).toHaveLength(4);
    expect(new Set(seen).size).toBe(1);
  });

  test('a begin that may have happened is not sent again', async () => {
    const { store, seen } = await dropping(1);
    const begin = {
      service: 's',
      kind: 'k',
      from: 'a',
      to: 'b',
      epoch: 1,
      planDigest: 'd',
      plan: {},
      owner: 'o',
      leaseMs: 1_000,
    };
    await expect(store.beginRun(begin)).rejects.toMatchObject({
      code: 'store-away',
      disposition: 'retry',
    });
    expect(seen).toHaveLength(1);
  });

  test('a halt is sent again; taking one back, which may meet another halt, is not', async () => {
    const halting = await dropping(2);
    await halting.store.setHalt({ by: 'alice', reason: 'stop', wallMs: 1 });
    expect(halting.seen).toHaveLength(3);
    const resuming = await dropping(1);
    await expect(resuming.store.setHalt(null)).rejects.toMatchObject({ code: 'store-away' });
    expect(resuming.seen).toEqual(['/v1/store/setHalt null']);
  });

  test('who has no patience is told at once', async () => {
    const { store, seen } = await dropping(1, null, { repeatForMs: 0 });
    await expect(store.service('checkout')).rejects.toMatchObject({ code: 'store-away' });
    expect(seen).toHaveLength(1);
  });

  test('a store that is not there is away, after patience, with what to do', async () => {
    const { port } = await dropping(0);
    for (const close of closers.splice(0).reverse()) await close();
    const clock = createVirtualClock();
    const store = createRemoteStore({ url: `http://127.0.0.1:${port}`, clock });
    closers.push(() => store.close());
    // Each refusal is real; only the pauses between them are virtual.
    const call = store.service('checkout');
    const settled = call.then(
      () => true,
      () => true,
    );
    while (!(await Promise.race([settled, systemClock.sleep(1)]))) await clock.advance(500);
    await expect(call).rejects.toMatchObject({
      code: 'store-away',
      evidence: { reason: 'ECONNREFUSED' },
      remedy: expect.stringContaining('throwover serve'),
    });
  });

  test.each([
    ['502 of a proxy', 502, '<html>Bad Gateway</html>'],
    ['503 of a proxy that answers in JSON', 503, '{"message":"no healthy upstream"}'],
    ['a page of somebody else', 200, '<html>'],
  ])('%s while serve restarts is no answer: it is asked again', async (_what, status, body) => {
    const seen: string[] = [];
    const server = createServer((request, response) => {
      seen.push(request.url ?? '');
      if (seen.length === 1) response.writeHead(status).end(body);
      else response.end('null');
    });
    closers.push(() => new Promise((resolve) => server.close(resolve)));
    const url = urlOf(await listenAt(server, { host: '127.0.0.1', port: 0 }));
    const store = createRemoteStore({ url, clock: systemClock });
    closers.push(() => store.close());
    await store.append({ runId: 'run_1', token: 4, records: [] });
    expect(seen).toHaveLength(2);
    const impatient = createRemoteStore({ url, clock: systemClock, repeatForMs: 0 });
    closers.push(() => impatient.close());
    seen.length = 0;
    await expect(impatient.service('checkout')).rejects.toMatchObject({ code: 'store-away' });
  });

  test('an answer of something else is refused at once, not repeated', async () => {
    const { store, seen } = await dropping(0, { hello: 'world' });
    await expect(store.service('checkout')).rejects.toMatchObject({ code: 'bad-request' });
    expect(seen).toHaveLength(1);
  });
});
