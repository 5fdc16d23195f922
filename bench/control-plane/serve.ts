import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { nodeOptions } from '../../packages/lab/src/world/child.ts';
import { throwoverBin } from '../../packages/lab/src/world/specs.ts';
import { ask } from '../child.ts';
import type { InsideFigures } from './loop-delay.ts';

export type RunningServe = Awaited<ReturnType<typeof startServe>>;

/**
 * Starts a real `throwover serve` with a file for each service; resolves when it is ready and knows
 * every service.
 */
export async function startServe(options: {
  dir: string;
  port: number;
  services: readonly string[];
  east: number;
  west: number;
}) {
  const { dir, port, services, east, west } = options;
  const url = `http://127.0.0.1:${port}`;
  const files: string[] = [];
  await mkdir(join(dir, 'services'), { recursive: true });
  for (const service of services) {
    const file = join(dir, 'services', `${service}.yaml`);
    await writeFile(file, serviceFile({ service, url, east, west }));
    files.push(file);
  }
  const running = fork(
    throwoverBin,
    [
      ...['serve', '--data', join(dir, 'data'), '--host', '127.0.0.1', '--port', String(port)],
      ...files.flatMap((file) => ['--service', file]),
    ],
    {
      execArgv: [...nodeOptions, ...['--import', join(import.meta.dirname, 'loop-delay.ts')]],
      stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
    },
  );
  const exited = once(running, 'exit');
  const end = async () => {
    running.kill('SIGTERM');
    await exited;
  };
  if (running.stdout === null) throw new Error('no standard output');
  const lines = createInterface({ input: running.stdout });
  await Promise.race([
    once(lines, 'line'),
    exited.then(() => Promise.reject(new Error('throwover serve did not start'))),
  ]);
  for (const service of services) await register(url, service);
  return {
    url,
    end,
    /** Returns what it measured itself since the last call. */
    inside: () => ask<InsideFigures>(running, {}),
  };
}

async function register(url: string, name: string): Promise<void> {
  const answer = await fetch(`${url}/v1/store/registerService`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ name, regions: ['east', 'west'], active: 'east' }),
  });
  if (!answer.ok) throw new Error(`${name} was not registered: ${await answer.text()}`);
}

const serviceFile = (of: {
  service: string;
  url: string;
  east: number;
  west: number;
}) => `version: 1
service: ${of.service}
owner: payments-team
onCall: [ana@example.com]
objectives: { rto: 5m, rpo: 0s }
store: { url: ${of.url} }
regions:
  east:
    addresses: [127.0.1.1]
    door: { admin: http://127.0.0.1:${of.east}, forward: http://127.0.0.1:9 }
    database: { guard: http://127.0.0.1:${of.east} }
  west:
    addresses: [127.0.2.1]
    door: { admin: http://127.0.0.1:${of.west}, forward: http://127.0.0.1:9 }
    database: { guard: http://127.0.0.1:${of.west} }
traffic:
  provider: route53
  endpoint: http://127.0.0.1:9
  zoneId: Z00000000000000000001
  name: ${of.service}.example.test
  type: A
  ttl: 60s
  nameservers: [127.0.0.1:9]
database:
  provider: postgres
  lagBound: 200ms
  armTimeout: 2m
  drain: { hold: 2s, openTransactions: 500ms }
  attachTimeout: 5m
`;
