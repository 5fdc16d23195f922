import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { systemClock } from 'throwover/kernel';
import { afterEach, beforeEach, expect, it } from 'vitest';

const host = '127.0.0.1';
let echo: Server;
let border: ChildProcess;
let admin: string;
const sockets: Socket[] = [];

beforeEach(async () => {
  echo = createServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket));
  echo.listen(0, host);
  await once(echo, 'listening');
});
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  if (border.exitCode === null) {
    border.kill('SIGTERM');
    expect(await once(border, 'exit')).toEqual([0, null]);
  }
  await new Promise((resolve) => echo.close(resolve));
});

function spawnBorder(links: readonly unknown[], adminPort = 0): ChildProcess {
  return spawn(
    process.execPath,
    [
      '--conditions=throwover-source',
      join(import.meta.dirname, 'border.ts'),
      JSON.stringify({ admin: { host, port: adminPort }, links }),
    ],
    { stdio: ['ignore', 'pipe', 'pipe'], cwd: tmpdir() },
  );
}

async function start(...links: readonly object[]): Promise<void> {
  const target = { host, port: (echo.address() as AddressInfo).port };
  border = spawnBorder(links.map((link) => ({ listen: { host, port: 0 }, target, ...link })));
  if (border.stdout === null) throw new Error('no stdout');
  const [line] = (await once(createInterface({ input: border.stdout }), 'line')) as [string];
  admin = (JSON.parse(line) as { admin: string }).admin;
}

async function change(names: readonly string[], wanted: object): Promise<number> {
  const body = JSON.stringify({ names, change: wanted });
  return (await fetch(`${admin}/links`, { method: 'POST', body })).status;
}

async function dial(name: string): Promise<Socket> {
  const { links } = (await (await fetch(`${admin}/links`)).json()) as {
    links: { name: string; listen: { port: number } }[];
  };
  const socket = connect({
    host,
    port: links.find((link) => link.name === name)?.listen.port ?? 0,
    allowHalfOpen: true,
  });
  sockets.push(socket);
  await once(socket, 'connect');
  return socket;
}

async function read(socket: Socket, bytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for (let got = 0; got < bytes; ) {
    const [chunk] = (await once(socket, 'data')) as [Buffer];
    chunks.push(chunk);
    got += chunk.length;
  }
  return Buffer.concat(chunks);
}

async function ended(socket: Socket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk);
  return Buffer.concat(chunks);
}

it('carries bytes in order, with and without latency and bandwidth, until both have ended', async () => {
  await start(
    { name: 'plain' },
    { name: 'far', latencyMs: 20 },
    { name: 'narrow', latencyMs: 5, bandwidthBytesPerSecond: 20_000_000 },
  );
  const sent = Buffer.from(Array.from({ length: 3_000_000 }, (_, i) => (i * 7 + (i >> 8)) % 251));
  for (const name of ['plain', 'far', 'narrow']) {
    const socket = await dial(name);
    socket.end(sent);
    expect((await ended(socket)).equals(sent)).toBe(true);
  }
});

it('takes at least the latency each way, and what it is changed to', async () => {
  await start({ name: 'link', latencyMs: 40 });
  const socket = await dial('link');
  const roundTrip = async () => {
    const before = systemClock.monotonicMs();
    const answer = read(socket, 4);
    socket.write('ping');
    await answer;
    return systemClock.monotonicMs() - before;
  };
  await roundTrip();
  expect(await roundTrip()).toBeGreaterThanOrEqual(79);
  expect(await change(['link'], { latencyMs: 100 })).toBe(200);
  expect(await roundTrip()).toBeGreaterThanOrEqual(199);
  expect(await change(['link'], { latencyMs: 0 })).toBe(200);
  await roundTrip();
});

it.each(['both', 'to-target', 'from-target'])(
  'is a black hole while it is cut (%s), for new connections too, and loses nothing',
  async (cut) => {
    await start({ name: 'cut' }, { name: 'other' });
    const open = await dial('cut');
    open.write('a');
    await read(open, 1);
    expect(await change(['cut'], { cut })).toBe(200);
    const fresh = await dial('cut');
    let arrived = '';
    for (const socket of [open, fresh]) {
      socket.on('data', (chunk) => {
        arrived += chunk;
      });
      socket.write('b');
    }
    // Meanwhile another link of the same border carries a round trip.
    const other = await dial('other');
    for (let i = 0; i < 20; i++) {
      other.write('c');
      await read(other, 1);
    }
    expect(arrived).toBe('');
    expect(open.destroyed || fresh.destroyed).toBe(false);
    expect(await change(['cut'], { cut: 'none' })).toBe(200);
    while (arrived.length < 2) await systemClock.sleep(2);
    expect(arrived).toBe('bb');
  },
);

it('changes nothing when one of the links is unknown or the change is wrong', async () => {
  await start({ name: 'link', latencyMs: 3 });
  expect(await change(['link', 'nowhere'], { cut: 'both' })).toBe(404);
  expect(await change(['link'], { cut: 'sideways' })).toBe(400);
  expect(await (await fetch(`${admin}/links`)).json()).toMatchObject({
    links: [{ name: 'link', cut: 'none', latencyMs: 3 }],
  });
});

it('says which port is taken', async () => {
  const taken = (echo.address() as AddressInfo).port;
  border = spawnBorder([
    { name: 'link', listen: { host, port: taken }, target: { host, port: taken } },
  ]);
  let words = '';
  border.stderr?.on('data', (chunk) => {
    words += chunk;
  });
  expect(await once(border, 'close')).toEqual([1, null]);
  expect(JSON.parse(words)).toMatchObject({ code: 'lab-process-failed' });
  expect(words).toContain(`${host}:${taken}`);
});
