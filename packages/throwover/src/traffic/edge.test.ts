import { readFile, writeFile } from 'node:fs/promises';
import { IncomingMessage, ServerResponse } from 'node:http';
import { connect, Socket } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../kernel/kernel.ts';
import { Concurrency } from './concurrency.ts';
import { ask, codeOf, until, World } from './edge.fixture.ts';
import { createEdge, type Serve } from './edge.ts';
import { HoldQueue } from './hold-queue.ts';

let world: World;
beforeEach(() => {
  world = new World();
});
afterEach(() => world.end());

const hello: Serve = (req, res) => {
  res.end(`hello ${req.url}`);
};

describe('serve', () => {
  test('hands requests on, and says which region answered in which epoch', async () => {
    const { edge, url } = await world.door({ region: 'east', serve: hello });
    expect(await ask(`${url}/a?b=c`)).toMatchObject({
      status: 200,
      body: 'hello /a?b=c',
      headers: { 'throwover-region': 'east', 'throwover-epoch': '1' },
    });
    expect(edge.status()).toMatchObject({
      served: 1,
      refused: 0,
      current: { mode: 'serve', epoch: 1 },
    });
  });

  test("keeps an application's own headers", async () => {
    const serve: Serve = (_, res) => {
      res.writeHead(200, { 'throwover-region': 'north' }).end();
    };
    const { url } = await world.door({ region: 'east', serve });
    expect((await ask(url)).headers['throwover-region']).toBe('north');
  });

  test('counts what is in service until the answer is sent, and remembers the peak', async () => {
    const waiting: ServerResponse[] = [];
    const { edge, url } = await world.door({
      region: 'east',
      serve: (_, res) => void waiting.push(res),
    });
    const answers = Array.from({ length: 5 }, () => ask(url));
    await until(() => waiting.length === 5);
    expect(edge.status()).toMatchObject({ inFlight: 5 });
    for (const res of waiting) res.end();
    await Promise.all(answers);
    await until(() => edge.status().inFlight === 0);
    expect(edge.status()).toMatchObject({ inFlight: 0, served: 5 });
  });

  test('a handler that throws is a 500 without its words', async () => {
    const serve: Serve = async () => {
      throw new Error('a secret');
    };
    const { url } = await world.door({ region: 'east', serve });
    expect(await ask(url)).toMatchObject({ status: 500, body: '' });
  });
});

describe('share', () => {
  test('as many as it says go to the other region; those that came from there are served; it ends by itself', async () => {
    const west = await world.door({ region: 'west', serve: (_, res) => void res.end('west') });
    const east = await world.door({ region: 'east', serve: (_, res) => void res.end('east') });
    const to = { epoch: 1, region: 'west', url: west.url };
    await east.edge.set({ mode: 'share', ...to, share: 0.25, maxMs: 30_000 }, 1);
    const bodies: string[] = [];
    for (let n = 0; n < 20; n++) bodies.push((await ask(east.url)).body);
    expect(bodies.filter((body) => body === 'west')).toHaveLength(5);
    // Requests that the other door has forwarded are never sent back.
    const forwarded = { 'throwover-forwarded': 'west@1' };
    for (let n = 0; n < 4; n++) {
      expect((await ask(east.url, { headers: forwarded })).body).toBe('east');
    }
    await east.edge.set({ mode: 'share', ...to, share: 1, maxMs: 50 }, 1);
    await until(() => east.edge.status().current.mode === 'serve');
    expect((await ask(east.url)).body).toBe('east');
  });
});

describe('cut', () => {
  test('nobody gets an answer, and they count as failed; then it serves again by itself', async () => {
    const { edge, url } = await world.door({ region: 'east', serve: hello });
    const sinceWallMs = systemClock.wallMs();
    await edge.set({ mode: 'cut', epoch: 1, maxMs: 30_000 }, 1);
    await expect(ask(url)).rejects.toMatchObject({ code: 'ECONNRESET' });
    await expect(ask(url)).rejects.toMatchObject({ code: 'ECONNRESET' });
    const [piece] = edge.latency({
      sinceWallMs,
      untilWallMs: sinceWallMs + 60_000,
      widthMs: 60_000,
    });
    expect(piece).toMatchObject({ requests: 2, failed: 2 });
    await edge.set({ mode: 'cut', epoch: 1, maxMs: 50 }, 1);
    await until(() => edge.status().current.mode === 'serve');
    expect(await ask(url)).toMatchObject({ status: 200 });
  });

  test('a crash ends it, and the next epoch does', async () => {
    const { edge, url, stateFile } = await world.door({ region: 'east', serve: hello });
    await edge.set({ mode: 'cut', epoch: 1, maxMs: 30_000 }, 1);
    const again = await world.door({ region: 'east', serve: hello, stateFile });
    expect(await ask(again.url)).toMatchObject({ status: 200 });
    const west = await world.door({ region: 'west', serve: (_, res) => void res.end('west') });
    await edge.set({ mode: 'forward', epoch: 2, region: 'west', url: west.url }, 2);
    expect(await ask(url)).toMatchObject({ status: 200, body: 'west' });
  });
});

test('the peak is of a typical second: one that is busier does not set it', () => {
  let nowMs = 0;
  const concurrency = new Concurrency({ ...systemClock, monotonicMs: () => nowMs });
  const second = (requests: number) => {
    for (let n = 0; n < requests; n++) concurrency.enter();
    for (let n = 0; n < requests; n++) concurrency.leave();
    nowMs += 1_000;
  };
  for (const requests of [3, 3, 40, 3, 3]) second(requests);
  expect(concurrency.peak()).toBe(3);
});

test('the peak is of the last 60 s, and counts a request for as long as it lasted', () => {
  let nowMs = 0;
  const concurrency = new Concurrency({ ...systemClock, monotonicMs: () => nowMs });
  concurrency.enter();
  concurrency.enter();
  nowMs = 30_000;
  concurrency.leave();
  nowMs = 89_000;
  expect(concurrency.peak()).toBe(2);
  nowMs = 91_000;
  expect(concurrency.peak()).toBe(1);
});

describe('hold', () => {
  test('200 held requests go into the next mode in order, and none fails', async () => {
    const order: string[] = [];
    const serve: Serve = (req, res) => {
      order.push(req.url ?? '');
      res.end();
    };
    const { edge, url } = await world.door({ region: 'east', serve });
    await edge.set({ mode: 'hold', epoch: 1, maxMs: 30_000 }, 1);
    const answers: ReturnType<typeof ask>[] = [];
    for (let i = 0; i < 200; i++) {
      answers.push(ask(`${url}/${i}`));
      await until(() => edge.status().held === i + 1);
    }
    await edge.set({ mode: 'serve', epoch: 1 }, 1);
    expect((await Promise.all(answers)).map(({ status }) => status)).toEqual(Array(200).fill(200));
    expect(order).toEqual(Array.from({ length: 200 }, (_, i) => `/${i}`));
    expect(edge.status()).toMatchObject({ held: 0, served: 200, refused: 0 });
  });

  test('held requests go on as many at once as are usual, in their order', async () => {
    const inService: ServerResponse[] = [];
    let most = 0;
    const order: string[] = [];
    const serve: Serve = (req, res) => {
      order.push(req.url ?? '');
      inService.push(res);
      most = Math.max(most, inService.length);
      setImmediate(() => {
        inService.splice(inService.indexOf(res), 1);
        res.end();
      });
    };
    const { edge, url } = await world.door({ region: 'east', serve });
    await edge.set({ mode: 'hold', epoch: 1, maxMs: 30_000 }, 1);
    const answers: ReturnType<typeof ask>[] = [];
    for (let i = 0; i < 20; i++) {
      answers.push(ask(`${url}/${i}`));
      await until(() => edge.status().held === i + 1);
    }
    await edge.set({ mode: 'serve', epoch: 1 }, 1);
    expect((await Promise.all(answers)).map(({ status }) => status)).toEqual(Array(20).fill(200));
    expect(order).toEqual(Array.from({ length: 20 }, (_, i) => `/${i}`));
    expect(most).toBe(4);
  });

  test('those that hang do not hold up the rest; a new hold keeps what has not gone on', async () => {
    const stuck: ServerResponse[] = [];
    const serve: Serve = (_, res) => void stuck.push(res);
    const { edge, url } = await world.door({ region: 'east', serve });
    await edge.set({ mode: 'hold', epoch: 1, maxMs: 30_000 }, 1);
    const answers = Array.from({ length: 10 }, (_, i) => ask(`${url}/${i}`));
    await until(() => edge.status().held === 10);
    await edge.set({ mode: 'serve', epoch: 1 }, 1);
    // Four at first, and after a while four more, though none of them was answered.
    await until(() => stuck.length >= 8);
    await edge.set({ mode: 'hold', epoch: 1, maxMs: 30_000 }, 2);
    const held = 10 - stuck.length;
    expect(edge.status().held).toBe(held);
    for (const res of stuck.splice(0)) res.end();
    await until(() => edge.status().inFlight === 0);
    expect(edge.status().held).toBe(held);
    await edge.set({ mode: 'serve', epoch: 1 }, 2);
    await until(() => stuck.length === held);
    for (const res of stuck) res.end();
    expect((await Promise.all(answers)).map(({ status }) => status)).toEqual(Array(10).fill(200));
  });

  test('200 held requests go to the other region when the door begins to forward, and none fails', async () => {
    const west = await world.door({ region: 'west', serve: hello });
    const east = await world.door({ region: 'east', serve: hello });
    await east.edge.set({ mode: 'hold', epoch: 1, maxMs: 30_000 }, 1);
    const body = 'x'.repeat(1_000);
    const answers = Array.from({ length: 200 }, (_, i) =>
      ask(`${east.url}/${i}`, { method: 'POST', body }),
    );
    await until(() => east.edge.status().held === 200);
    await west.edge.set({ mode: 'serve', epoch: 2 }, 1);
    await east.edge.set({ mode: 'forward', epoch: 2, region: 'west', url: west.url }, 1);
    for (const [i, answer] of (await Promise.all(answers)).entries()) {
      expect(answer).toMatchObject({
        status: 200,
        body: `hello /${i}`,
        headers: { 'throwover-region': 'west', 'throwover-epoch': '2', connection: 'close' },
      });
    }
    await until(() => east.edge.status().inFlight === 0);
    expect(east.edge.status()).toMatchObject({ held: 0, forwarded: 200, served: 0, refused: 0 });
  });

  test('ends by itself: those who waited are asked to come again, and the door serves (A5)', async () => {
    const { edge, url } = await world.door({ region: 'east', serve: hello });
    await edge.set({ mode: 'hold', epoch: 1, maxMs: 1_500 }, 1);
    const answer = await ask(url);
    expect(answer).toMatchObject({ status: 503, headers: { 'retry-after': '1' } });
    expect(codeOf(answer)).toBe('door-held-too-long');
    expect(edge.status()).toMatchObject({ current: { mode: 'serve', epoch: 1 }, refused: 1 });
    expect((await ask(url)).status).toBe(200);
  });

  test('asked for again it begins again, and one deadline stands', async () => {
    const ends: (() => void)[] = [];
    const sleep = (_: number, signal?: AbortSignal) =>
      new Promise<void>((resolve, reject) => {
        ends.push(resolve);
        signal?.addEventListener('abort', () => reject(signal.reason));
      });
    const clock = { ...systemClock, sleep };
    const { edge } = await world.door({ region: 'east', serve: hello, clock });
    await edge.set({ mode: 'hold', epoch: 1, maxMs: 100 }, 1);
    await edge.set({ mode: 'hold', epoch: 1, maxMs: 100 }, 1);
    ends[0]?.();
    await new Promise(setImmediate);
    expect(edge.status().current.mode).toBe('hold');
    ends[1]?.();
    await until(() => edge.status().current.mode === 'serve');
  });

  test('a client that leaves while it waits is forgotten', async () => {
    const { edge, url } = await world.door({ region: 'east', serve: hello });
    await edge.set({ mode: 'hold', epoch: 1, maxMs: 30_000 }, 1);
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    await until(() => edge.status().held === 1);
    socket.destroy();
    await until(() => edge.status().held === 0);
    await edge.set({ mode: 'serve', epoch: 1 }, 1);
    expect(edge.status().served).toBe(0);
  });

  test('takes 2,000 at most', () => {
    const queue = new HoldQueue<{ res: ServerResponse }>();
    const add = () => {
      const req = new IncomingMessage(new Socket());
      return queue.add({ res: new ServerResponse(req) });
    };
    expect(Array.from({ length: 2_000 }, add).every((taken) => taken)).toBe(true);
    expect(add()).toBe(false);
    expect(queue.takeAll()).toHaveLength(2_000);
    expect(add()).toBe(true);
  });
});

describe('commands', () => {
  test('of an older epoch, or an older token in the same epoch, are refused', async () => {
    const { edge } = await world.door({ region: 'east', serve: hello });
    await edge.set({ mode: 'serve', epoch: 3 }, 7);
    const refused = { code: 'door-refused', disposition: 'stop' };
    await expect(edge.set({ mode: 'hold', epoch: 2, maxMs: 9 }, 9)).rejects.toMatchObject(refused);
    await expect(edge.set({ mode: 'hold', epoch: 3, maxMs: 9 }, 6)).rejects.toMatchObject(refused);
    expect(edge.status().current).toEqual({ mode: 'serve', epoch: 3 });
    await edge.set({ mode: 'serve', epoch: 3 }, 7);
    expect((await edge.set({ mode: 'serve', epoch: 4 }, 1)).current).toEqual({
      mode: 'serve',
      epoch: 4,
    });
  });

  test('to hold, by a run that has let go, are late copies and are refused; a later run holds', async () => {
    const { edge } = await world.door({ region: 'east', serve: hello });
    const hold = { mode: 'hold', epoch: 1, maxMs: 30_000 } as const;
    await edge.set({ mode: 'serve', epoch: 1 }, 7);
    await edge.set(hold, 7);
    await edge.set(hold, 7);
    await edge.set({ mode: 'serve', epoch: 1 }, 7);
    await expect(edge.set(hold, 7)).rejects.toMatchObject({ code: 'door-refused' });
    expect(edge.status().current).toEqual({ mode: 'serve', epoch: 1 });
    expect((await edge.set(hold, 8)).current).toEqual(hold);
    await edge.set({ mode: 'serve', epoch: 1 }, 8);
  });

  test('that cannot be made durable change nothing', async () => {
    const file = join(await world.directory(), 'file');
    const stateFile = join(file, 'state.json');
    const { edge } = await world.door({ region: 'east', serve: hello, stateFile });
    await writeFile(file, 'not a directory');
    for (const mode of [
      { mode: 'hold', epoch: 2, maxMs: 30_000 },
      { mode: 'forward', epoch: 2, region: 'west', url: 'http://127.0.0.1:9' },
    ] as const) {
      await expect(edge.set(mode, 1)).rejects.toMatchObject({ code: 'door-state-unwritable' });
      expect(edge.status().current).toEqual({ mode: 'serve', epoch: 1 });
    }
  });
});

describe('a door that crashes', () => {
  test('forwards again, and still refuses an older controller', async () => {
    const { edge, stateFile } = await world.door({ region: 'east', serve: hello });
    const forward = {
      mode: 'forward',
      epoch: 2,
      region: 'west',
      url: 'http://127.0.0.1:9',
    } as const;
    await edge.set(forward, 4);
    const after = await createEdge({ region: 'east', clock: systemClock, stateFile, epoch: 1 });
    expect(after.status().current).toEqual(forward);
    await expect(after.set({ mode: 'serve', epoch: 2 }, 3)).rejects.toMatchObject({
      code: 'door-refused',
    });
    after.close();
  });

  test('is not held when it starts again, but remembers who held it', async () => {
    const { edge, stateFile } = await world.door({ region: 'east', serve: hello });
    await edge.set({ mode: 'hold', epoch: 5, maxMs: 30_000 }, 4);
    const after = await createEdge({ region: 'east', clock: systemClock, stateFile, epoch: 1 });
    expect(after.status().current.mode).toBe('serve');
    await expect(after.set({ mode: 'serve', epoch: 4 }, 9)).rejects.toMatchObject({
      code: 'door-refused',
    });
    after.close();
  });

  test('does not start on a damaged state', async () => {
    const { edge, stateFile } = await world.door({ region: 'east', serve: hello });
    await edge.set({ mode: 'serve', epoch: 2 }, 4);
    await writeFile(stateFile, (await readFile(stateFile, 'utf8')).slice(0, -5));
    const restart = createEdge({ region: 'east', clock: systemClock, stateFile, epoch: 1 });
    await expect(restart).rejects.toMatchObject({ code: 'door-state-damaged' });
  });
});
