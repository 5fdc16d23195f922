import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { httpDoor } from '../../providers/http/door.ts';
import { ask, World } from '../../traffic/edge.fixture.ts';

const bin = fileURLToPath(new URL('../../../bin/throwover.js', import.meta.url));
const flags = ['--conditions=throwover-source', '--disable-warning=ExperimentalWarning'];

let world: World;
const kills: (() => void)[] = [];
beforeEach(() => {
  world = new World();
});
afterEach(async () => {
  for (const kill of kills.splice(0)) kill();
  await world.end();
});

async function start(config: string) {
  const child = spawn(process.execPath, [...flags, bin, 'edge', '--config', config], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  kills.push(() => child.kill('SIGKILL'));
  const exit = once(child, 'exit');
  const [line] = await once(createInterface({ input: child.stdout }), 'line');
  const { url, adminUrl } = JSON.parse(line) as { url: string; adminUrl: string };
  return { child, exit, url, door: httpDoor({ region: 'east', url: adminUrl }) };
}

test('the process is killed and started again while it forwards: it goes on forwarding, with nobody to tell it', async () => {
  const [east, west] = await Promise.all(
    ['east', 'west'].map((name) => world.listen((_, res) => res.end(name))),
  );
  const directory = await world.directory();
  const config = join(directory, 'edge.json');
  await writeFile(
    config,
    JSON.stringify({
      region: 'east',
      port: 0,
      adminPort: 0,
      upstream: east?.url,
      stateFile: join(directory, 'door.json'),
    }),
  );
  const first = await start(config);
  expect((await ask(first.url)).body).toBe('east');
  const mode = { mode: 'forward', epoch: 2, region: 'west', url: west?.url ?? '' } as const;
  await first.door.set(mode, 1);
  first.child.kill('SIGKILL');
  await first.exit;
  const second = await start(config);
  expect((await ask(second.url)).body).toBe('west');
  second.child.kill('SIGTERM');
  expect(await second.exit).toEqual([0, null]);
}, 60_000);
