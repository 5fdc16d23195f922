import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { systemClock } from '../kernel/kernel.ts';
import { recordOf } from '../store/conformance-subject.ts';
import { maxWriterLeaseMs } from '../store/limits.ts';
import { plannedRun } from '../store/plan.fixture.ts';
import { createRemoteStore } from '../store/remote/remote-store.ts';
import type { RunLease } from '../store/shapes.ts';

const script = fileURLToPath(new URL('serve.fixture.ts', import.meta.url));
const children: ChildProcess[] = [];
let dataDir: string;
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'throwover-serve-e2e-'));
});
afterEach(async () => {
  for (const child of children.splice(0)) await kill(child);
  await rm(dataDir, { recursive: true });
});

async function serve(port = 0): Promise<{ child: ChildProcess; url: string; port: number }> {
  const child = spawn(
    process.execPath,
    [
      '--conditions=throwover-source',
      '--disable-warning=ExperimentalWarning',
      script,
      JSON.stringify({ port, dataDir }),
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  children.push(child);
  const [line] = await once(createInterface({ input: child.stdout }), 'line');
  const { url } = JSON.parse(line);
  return { child, url, port: Number(new URL(url).port) };
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}

const appendTo = (store: ReturnType<typeof createRemoteStore>, lease: RunLease, seq: number) =>
  store.append({
    ...lease,
    records: [recordOf(lease, seq, { type: 'intent', step: `s${seq}`, observed: { seq } })],
  });

test('every acknowledged append is there after SIGKILL of throwover serve, round after round, and the client goes on by itself', async () => {
  let server = await serve();
  const store = createRemoteStore({ url: server.url, clock: systemClock });
  await store.registerService({ name: 'checkout', regions: ['east', 'west'], active: 'east' });
  const lease = await store.beginRun({
    ...plannedRun(),
    owner: 'alice',
    leaseMs: 60_000,
  });
  let acknowledged = 0;
  let enough = false;
  const appending = (async () => {
    while (!enough) {
      await appendTo(store, lease, acknowledged + 1);
      acknowledged += 1;
    }
  })();
  const grown = async (by: number) => {
    const from = acknowledged;
    while (acknowledged < from + by) await systemClock.sleep(1);
  };
  for (let round = 0; round < 4; round++) {
    await grown(25);
    await kill(server.child);
    server = await serve(server.port);
  }
  await grown(25);
  enough = true;
  await appending;
  const { records } = await store.run(lease.runId);
  expect(records.map(({ seq }) => seq)).toEqual(
    Array.from({ length: acknowledged }, (_, i) => i + 1),
  );
  expect(records.map((record) => 'step' in record && record.step)).toEqual(
    records.map(({ seq }) => `s${seq}`),
  );
  await store.close();
});

test('what stops a writer, or all automation, outlives SIGKILL; what proved its end does not', async () => {
  const server = await serve();
  const store = createRemoteStore({ url: server.url, clock: systemClock });
  await store.registerService({ name: 'checkout', regions: ['east', 'west'], active: 'east' });
  const lease = await store.beginRun({
    ...plannedRun({ kind: 'failover' }),
    owner: 'alice',
    leaseMs: 60_000,
  });
  const writer = { service: 'checkout', region: 'east', epoch: 1, leaseMs: 1_000 };
  expect(await store.renewWriter(writer)).toEqual({ kind: 'granted' });
  await store.expireWriter({ service: 'checkout', ...lease });
  await store.setHalt({ by: 'carol', reason: 'stop', wallMs: 1 });
  await kill(server.child);
  await serve(server.port);
  expect(await store.renewWriter(writer)).toMatchObject({ kind: 'refused', why: 'stopped' });
  expect(await store.halt()).toMatchObject({ by: 'carol' });
  const { expiresInMs, leaseMs } = await store.expireWriter({ service: 'checkout', ...lease });
  expect(expiresInMs).toBeGreaterThan(0);
  expect(leaseMs).toBe(maxWriterLeaseMs);
  await store.close();
});
