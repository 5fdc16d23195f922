import { afterEach, beforeEach, expect, test } from 'vitest';
import { createVirtualClock } from '../../kernel/virtual-clock.fixture.ts';
import { doorCountsConformance } from '../../traffic/conformance-counts.ts';
import { type DoorUnderTest, doorConformance } from '../../traffic/conformance-door.ts';
import { ask, until, World } from '../../traffic/edge.fixture.ts';
import { createDoorAdmin } from '../../traffic/edge.ts';
import { beaconPath } from '../../traffic/stragglers/beacons.ts';
import { expectEveryCall } from '../../wire/wire.fixture.ts';
import { httpDoor } from './door.ts';

let world: World;
beforeEach(() => {
  world = new World();
});
afterEach(() => world.end());

async function eastDoor() {
  const { edge } = await world.door({ region: 'east', serve: (_, res) => void res.end() });
  const { url, server } = await world.listen(createDoorAdmin(edge));
  return { edge, url, server };
}

async function doorUnderTest(): Promise<DoorUnderTest> {
  const own = new World();
  const clock = createVirtualClock();
  const serve = (_: unknown, res: { end(): unknown }) => void res.end();
  const start = async (stateFile?: string) => {
    const given = {
      region: 'east',
      serve,
      clock,
      ...(stateFile === undefined ? {} : { stateFile }),
    };
    const { edge, stateFile: file } = await own.door(given);
    const { url, server } = await own.listen(createDoorAdmin(edge));
    const lose = async () => {
      edge.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    };
    return { door: httpDoor({ region: 'east', url }), file, lose };
  };
  let now = await start();
  return {
    get door() {
      return now.door;
    },
    advance: (ms) => clock.advance(ms),
    restart: async () => {
      await now.lose();
      now = await start(now.file);
    },
    lose: () => now.lose(),
    end: () => own.end(),
  };
}

doorConformance('the edge, over HTTP,', doorUnderTest);

doorCountsConformance('those of the edge, over HTTP,', async () => {
  const own = new World();
  const clock = createVirtualClock();
  const serve = (_: unknown, res: { end(): unknown }) => void res.end();
  const { edge, url } = await own.door({ region: 'east', serve, clock });
  const admin = await own.listen(createDoorAdmin(edge));
  const served = () => edge.status().inFlight === 0;
  return {
    counts: httpDoor({ region: 'east', url: admin.url }),
    request: async () => {
      await ask(url);
      await until(served);
    },
    beacon: async (nonce) => {
      await ask(`${url}${beaconPath}${nonce}`);
    },
    wallMs: () => clock.wallMs(),
    lose: async () => {
      admin.server.closeAllConnections();
      await new Promise((resolve) => admin.server.close(resolve));
    },
    end: () => own.end(),
  };
});

test('a mode set over HTTP is in force, and every shape of it comes back as it was', async () => {
  const { edge, url } = await eastDoor();
  const door = httpDoor({ region: 'east', url });
  expect(await door.status()).toEqual(edge.status());
  const modes = [
    { mode: 'hold', epoch: 1, maxMs: 2_000 },
    { mode: 'serve', epoch: 1 },
    { mode: 'forward', epoch: 2, region: 'west', url: 'http://127.0.2.1:7607' },
  ] as const;
  for (const mode of modes) {
    expect((await door.set(mode, 1)).current).toEqual(mode);
    expect(edge.status().current).toEqual(mode);
  }
});

test('a refusal crosses the wire with its code and evidence', async () => {
  const { url } = await eastDoor();
  const door = httpDoor({ region: 'east', url });
  await door.set({ mode: 'serve', epoch: 2 }, 5);
  await expect(door.set({ mode: 'serve', epoch: 2 }, 4)).rejects.toMatchObject({
    code: 'door-refused',
    disposition: 'stop',
    evidence: { seen: { epoch: 2, token: 5 } },
  });
});

test('the door of another region is not commanded', async () => {
  const { edge, url } = await eastDoor();
  const door = httpDoor({ region: 'west', url });
  await expect(door.status()).rejects.toMatchObject({ code: 'door-wrong-region' });
  await expect(door.set({ mode: 'serve', epoch: 9 }, 1)).rejects.toMatchObject({
    code: 'door-wrong-region',
  });
  expect(edge.status().current).toEqual({ mode: 'serve', epoch: 1 });
});

test('every call of its document is there, and none is done without what it takes', async () => {
  const { edge, url } = await eastDoor();
  await expectEveryCall(url);
  expect(edge.status().current).toEqual({ mode: 'serve', epoch: 1 });
});

test.each([
  ['no JSON', '{'],
  ['a mode that is not there', { region: 'east', mode: { mode: 'open', epoch: 1 }, token: 1 }],
  ['a hold without an end', { region: 'east', mode: { mode: 'hold', epoch: 1 }, token: 1 }],
  [
    'a hold of an hour',
    { region: 'east', mode: { mode: 'hold', epoch: 1, maxMs: 3_600_000 }, token: 1 },
  ],
  [
    'a file as target',
    {
      region: 'east',
      mode: { mode: 'forward', epoch: 1, region: 'w', url: 'file:///x' },
      token: 1,
    },
  ],
])('%s is refused with 400', async (_, body) => {
  const { edge, url } = await eastDoor();
  const response = await fetch(`${url}/v1/door`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  expect(response.status).toBe(400);
  expect(await response.json()).toMatchObject({ code: 'door-bad-command' });
  expect(edge.status().current).toEqual({ mode: 'serve', epoch: 1 });
});

test('a door that is away is unreachable, not closed', async () => {
  const { url, server } = await eastDoor();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await expect(httpDoor({ region: 'east', url }).status()).rejects.toMatchObject({
    code: 'door-unreachable',
    disposition: 'retry',
  });
});

test('what answers there and is no door is told apart', async () => {
  const { url } = await world.listen((_, res) => void res.end('<html>'));
  await expect(httpDoor({ region: 'east', url }).status()).rejects.toMatchObject({
    code: 'door-unreachable',
  });
});
